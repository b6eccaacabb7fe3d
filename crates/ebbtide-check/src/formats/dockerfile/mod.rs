//! Dockerfiles and Containerfiles: the images of their stages.

mod image;
mod join;
mod recognise;
mod stage;
mod variables;

pub(crate) use image::{StageImage, image, inline, stages};
pub(crate) use join::{entry_files, is_copied_to_start, join};
pub(crate) use recognise::{has_name, is_dockerfile, is_meant, is_script, is_script_text};
