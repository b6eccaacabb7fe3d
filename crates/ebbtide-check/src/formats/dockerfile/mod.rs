//! Dockerfiles and Containerfiles: the image of the last stage.

mod image;
mod join;
mod recognise;
mod stage;

pub(crate) use image::image;
pub(crate) use join::join;
pub(crate) use recognise::{has_name, is_dockerfile, is_script};
