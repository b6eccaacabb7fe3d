//! The check as its users see it: files in, findings out.
#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests, outside test functions")]

mod baseline;
mod common;
mod compose_projects;
mod corpus;
mod declared;
mod engines;
mod entry_scripts;
mod fix_properties;
mod fixes;
mod formats;
mod input;
mod lame_ducks;
mod named;
mod rule_pages;
mod rules;
mod stop_signals;
mod suppression;
mod terraform;
mod texts;
mod timeline;
mod times;
