use std::path::Path;

const UNHEARD: &str = "not shown where no subscriber is set: use `log_warn` or `log_error` of `crate::runtime`, or of `ebbtide::adapter`";

/// Returns the lines on which the library logs a warning or an error past what brings them to standard error.
pub(super) fn violations(path: &Path, text: &str) -> Vec<(usize, &'static str)> {
    let mut parts = path.iter().filter_map(|part| part.to_str());
    let is_library = parts.next() == Some("crates")
        && parts.next().is_some_and(|name| name.starts_with("ebbtide") && name != "ebbtide-cli")
        && parts.next() == Some("src");
    let defines_them = path.ends_with("runtime/said.rs") || path.ends_with("ebbtide/src/adapter.rs");
    if !is_library || defines_them {
        return Vec::new();
    }
    let is_one = |line: &str| {
        let code = line.trim_start();
        !code.starts_with("//") && (code.contains("tracing::warn!") || code.contains("tracing::error!"))
    };
    text.lines().enumerate().filter(|(_, line)| is_one(line)).map(|(index, _)| (index + 1, UNHEARD)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(path: &str) -> Vec<usize> {
        let text = "tracing::info!(\"a\");\n// tracing::warn!(\"b\");\n    tracing::warn!(\n        \"c\");\nlet d = || tracing::error!(\"d\");\n";
        violations(Path::new(path), text).into_iter().map(|(line, _)| line).collect()
    }

    #[test]
    fn warnings_and_errors_of_the_library_that_nobody_may_hear_are_found() {
        assert_eq!(lines("crates/ebbtide/src/http/life.rs"), [3, 5]);
        assert_eq!(lines("crates/ebbtide-redis/src/life.rs"), [3, 5]);
        for elsewhere in [
            "demo/src/run.rs",
            "crates/ebbtide/src/runtime/said.rs",
            "crates/ebbtide/src/adapter.rs",
            "crates/ebbtide/tests/library/logs.rs",
            "crates/ebbtide-cli/src/main.rs",
        ] {
            assert_eq!(lines(elsewhere), [0_usize; 0], "{elsewhere}");
        }
    }
}
