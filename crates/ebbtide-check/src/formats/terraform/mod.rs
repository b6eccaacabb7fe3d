//! Modules of Terraform: the resources that run workloads, in HCL, in its JSON, and in a plan.

mod app;
mod aws;
mod file;
mod kubernetes;
mod shape;

pub(crate) use file::{add, is_terraform};
