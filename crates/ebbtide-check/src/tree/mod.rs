//! One tree for every format: values with their places. What reads it does not know the format.

mod dockerfile;
mod json;
mod node;
mod unit;
mod yaml;

pub(crate) use dockerfile::parse as parse_dockerfile;
pub(crate) use json::parse as parse_json;
pub(crate) use node::{Comment, Document, Entry, Node, Parsed, Scalar, SyntaxError, Value};
pub(crate) use unit::parse as parse_unit;
pub(crate) use yaml::parse as parse_yaml;
