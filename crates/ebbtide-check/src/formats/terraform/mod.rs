//! Modules of Terraform: the resources that run workloads, in HCL, in its JSON, and in a plan.

mod app;
mod aws;
mod file;
mod kubernetes;
mod shape;
mod values;

pub(crate) use file::is_terraform;
pub(crate) use values::{TerraformFile, has_values, is_of_values, join};
