//! What a process reported before its end: spans, metrics, log lines.

mod telemetry_arrives_on_every_path;
mod the_last_line_is_written_on_every_path;
