//! The check as its users see it: files in, findings out.
#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests, outside test functions")]

mod baseline;
mod built_images;
mod commands;
mod comments;
mod common;
mod compose_projects;
mod corpus;
mod declared;
mod engines;
mod entry_scripts;
mod env_files;
mod fix_properties;
mod fixes;
mod fly;
mod formats;
mod hooks;
mod input;
mod kube_units;
mod lame_ducks;
mod named;
mod neighbours;
mod patches;
mod rule_pages;
mod rules;
mod scalers;
mod schedulers;
mod shell_options;
mod stop_signals;
mod suppression;
mod swarm;
mod systemd;
mod terraform;
mod texts;
mod timeline;
mod times;
