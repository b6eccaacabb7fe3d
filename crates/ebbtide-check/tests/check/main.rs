//! The check as its users see it: files in, findings out.
#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests, outside test functions")]

mod baseline;
mod common;
mod corpus;
mod declared;
mod engines;
mod fix_properties;
mod fixes;
mod formats;
mod input;
mod named;
mod rule_pages;
mod rules;
mod stop_signals;
mod suppression;
mod terraform;
mod texts;
mod timeline;
mod times;
