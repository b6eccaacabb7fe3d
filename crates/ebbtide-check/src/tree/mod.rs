//! One tree for every format: values with their places. What reads it does not know the format.

mod comments;
mod dockerfile;
mod hcl;
mod json;
mod node;
mod toml;
mod unit;
mod yaml;

pub(crate) use comments::comments;
pub(crate) use dockerfile::{parse as parse_dockerfile, parse_inside as parse_dockerfile_inside};
pub(crate) use hcl::parse as parse_hcl;
pub(crate) use json::{
    is_lenient as is_lenient_json, parse as parse_json, parse_inside as parse_json_inside,
};
pub(crate) use node::{Comment, Document, Entry, Node, Parsed, Scalar, SyntaxError, Value};
pub(crate) use toml::parse as parse_toml;
pub(crate) use unit::parse as parse_unit;
pub(crate) use yaml::parse as parse_yaml;
