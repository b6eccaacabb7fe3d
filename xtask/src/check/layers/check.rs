use std::path::{Path, PathBuf};

use super::paths::paths;
use super::table::{SCOPES, Scope};
use crate::check::files::{files, tokens};
use crate::failure::Failure;

/// Checks every path in every file that belongs to one of the tables.
///
/// # Errors
///
/// When a layer names a layer above it or beside it.
pub(in crate::check) fn check() -> Result<(), Failure> {
    let files = files("rs")?;
    let mut violations = Vec::new();
    for scope in &SCOPES {
        let inside = files.iter().filter(|(path, _)| path.starts_with(scope.folder));
        let mut seen = false;
        for (path, text) in inside {
            seen = true;
            violations.extend(violations_in(scope, path, text)?);
        }
        if !seen {
            violations.push(format!("{} is in the table of layers but has no file", scope.folder));
        }
    }
    Failure::unless_empty("layers may only name lower layers (ARCHITECTURE.md)", violations)
}

fn violations_in(scope: &Scope, path: &Path, text: &str) -> Result<Vec<String>, Failure> {
    let Ok(inside) = path.strip_prefix(scope.folder) else { return Ok(Vec::new()) };
    let Some(from) = layer(scope, inside) else { return Ok(Vec::new()) };
    let mut violations = Vec::new();
    for named in paths(tokens(path, text)?, &module(inside)) {
        let Some(to) = named.path.first() else { continue };
        violations.extend(scope.objection(&from, to).map(|why| {
            format!("{}:{}: {} in {}: {why}", path.display(), named.line, named.path.join("::"), scope.folder)
        }));
    }
    Ok(violations)
}

/// Returns the layer of a file: its folder, or its own name when it lies beside the folders.
fn layer(scope: &Scope, inside: &Path) -> Option<String> {
    let first = inside.components().next()?;
    let name = Path::new(first.as_os_str()).file_stem()?.to_str()?.to_owned();
    let stands_above = scope.files_on_top && inside.components().count() == 1 && scope.tier(&name).is_none();
    (!stands_above).then_some(name)
}

/// Returns a file's module path from the crate root.
fn module(inside: &Path) -> Vec<String> {
    let mut names: Vec<PathBuf> = inside.with_extension("").iter().map(PathBuf::from).collect();
    if names.last().is_some_and(|last| ["mod", "lib", "main"].iter().any(|name| last == Path::new(name))) {
        names.pop();
    }
    names.iter().map(|name| name.display().to_string()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCOPE: Scope = Scope {
        folder: "crates/ebbtide/src",
        tiers: &[&["model"], &["drain"], &["http", "grpc"]],
        top: &["lib"],
        files_on_top: false,
    };

    const REHEARSE: Scope = Scope {
        folder: "crates/ebbtide-rehearse/src",
        tiers: &[&["clock"], &["record"], &["load", "verdict"]],
        top: &[],
        files_on_top: true,
    };

    fn found(scope: &Scope, file: &str, text: &str) -> usize {
        violations_in(scope, &Path::new(scope.folder).join(file), text).unwrap().len()
    }

    #[test]
    fn paths_to_lower_layers_pass() {
        assert_eq!(
            found(&SCOPE, "http/conn/mod.rs", "use crate::{drain::Stop, model::Phase}; use super::x;"),
            0
        );
        assert_eq!(found(&SCOPE, "lib.rs", "pub use http::Server; pub use crate::drain::Stop;"), 0);
        assert_eq!(found(&SCOPE, "drain/mod.rs", "use crate::drain::stop::Stop;"), 0);
        assert_eq!(found(&REHEARSE, "load/clients.rs", "use crate::record::Record; use crate::clock;"), 0);
        assert_eq!(found(&REHEARSE, "conductor.rs", "use super::{load, verdict};"), 0);
        assert_eq!(found(&REHEARSE, "clock.rs", "use crate::load::Load;"), 1, "a file that is a layer");
    }

    #[test]
    fn a_path_to_a_higher_layer_is_found() {
        assert_eq!(found(&SCOPE, "model/phase.rs", "use crate::drain::Stop;"), 1);
        assert_eq!(found(&SCOPE, "drain/stop/token.rs", "fn f() { super::super::super::http::serve() }"), 1);
        assert_eq!(found(&REHEARSE, "record/run.rs", "use super::super::verdict::judge;"), 1);
        assert_eq!(found(&REHEARSE, "load/clients.rs", "use crate::conductor::Conductor;"), 1);
    }

    #[test]
    fn a_path_to_a_layer_of_the_same_tier_is_found() {
        assert_eq!(found(&SCOPE, "http/mod.rs", "use crate::grpc::Routes;"), 1);
        assert_eq!(found(&REHEARSE, "verdict/judge.rs", "use crate::{load::Storm, record::Record};"), 1);
    }

    #[test]
    fn unlisted_layers_and_reexported_paths_are_found() {
        assert_eq!(found(&SCOPE, "misc/mod.rs", "use crate::model::Phase;"), 1);
        assert_eq!(found(&SCOPE, "model/phase.rs", "use crate::Lifecycle;"), 1, "a re-export from above");
        assert_eq!(found(&SCOPE, "model/phase.rs", "use crate::*;"), 1);
    }
}
