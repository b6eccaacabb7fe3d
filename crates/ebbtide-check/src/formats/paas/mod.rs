//! Platforms that run a program from one short file: Cloud Run and Knative, Azure Container Apps, Fly, Render, Heroku.

mod container_apps;
mod fly;
mod heroku;
mod knative;
mod render;

pub(crate) use container_apps::{add as add_container_apps, container_app, is_container_apps};
pub(crate) use fly::{add as add_fly, is_fly};
pub(crate) use heroku::{is_procfile, is_procfile_name, procfile};
pub(crate) use knative::{add as add_knative, cloud_run, container};
pub(crate) use render::{add as add_render, is_render};
