//! What the sources name and the walk of a folder does not find: the Dockerfiles of builds, and scripts whose names have no ending.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;
use std::path::{Path, PathBuf};

use super::check::read;
use crate::engine::Options;
use crate::formats::dockerfile::is_script_text;
use crate::formats::paths::clean;
use crate::formats::{builds, dockerfile};
use crate::input::{Source, SourceId, Sources};
use crate::tree::parse_dockerfile;

/// The bytes of a file that show whether it is a script.
const FIRST_LINE: u64 = 256;

/// Reads the Dockerfiles that named files build, and the scripts that images start. What a named file leads to is read for what it changes in that: a
/// neighbour. Returns the others: such a script in a folder is one of its files.
pub fn read_referenced(sources: &mut Sources) -> Vec<(SourceId, PathBuf)> {
    let mut added = Vec::new();
    for of in [dockerfiles, scripts] {
        let known: BTreeSet<PathBuf> =
            sources.iter().map(|(_, source)| clean(Path::new(source.name()))).collect();
        for (path, is_for_one) in of(sources) {
            // What cannot be read is not what the user asked for.
            if !known.contains(&clean(&path))
                && let Ok(id) = sources.add_file(&path)
            {
                if is_for_one {
                    sources.mark_neighbour(id);
                } else {
                    added.push((id, path));
                }
            }
        }
    }
    added
}

/// Files, and whether each is read for another one that is named.
type Referenced = BTreeSet<(PathBuf, bool)>;

/// Returns the Dockerfiles that the workloads of named files build. A folder has its own among the sources.
fn dockerfiles(sources: &Sources) -> Referenced {
    let mut found = Referenced::new();
    if sources.iter().all(|(_, source)| !source.is_required()) {
        return found;
    }
    for workload in &read(sources, &Options::default()).project.workloads {
        if sources.get(workload.place.source).is_some_and(Source::is_required) {
            let builds = workload.containers.iter().filter_map(|container| container.build.as_ref());
            let files =
                builds.filter_map(|build| builds::dockerfiles(build, sources).find(|path| path.is_file()));
            found.extend(files.map(|path| (path, true)));
        }
    }
    found
}

/// Returns the scripts that images start, in the folders of their Dockerfiles.
fn scripts(sources: &Sources) -> Referenced {
    let mut found = Referenced::new();
    for (id, source) in sources.iter().filter(|(_, source)| dockerfile::is_dockerfile(source)) {
        let is_for_one = source.is_required() || source.is_neighbour();
        // As the names of the other files of the current folder begin.
        let begin = Path::new(if source.name().starts_with("./") { "./" } else { "" });
        for document in parse_dockerfile(id, source.text()).documents {
            let stages = dockerfile::stages(source, &document.root, &BTreeMap::new());
            let files = stages
                .iter()
                .flat_map(|stage| dockerfile::entry_files(&stage.container, Path::new(source.name())));
            found.extend(files.filter(|path| is_script(path)).map(|path| (begin.join(path), is_for_one)));
        }
    }
    found
}

/// Returns whether a file begins as a script does. A program is not read whole.
fn is_script(path: &Path) -> bool {
    let first_bytes = || {
        let file = path.is_file().then(|| std::fs::File::open(path).ok()).flatten()?;
        let mut bytes = Vec::new();
        file.take(FIRST_LINE).read_to_end(&mut bytes).ok()?;
        Some(bytes)
    };
    first_bytes().is_some_and(|bytes| is_script_text(&String::from_utf8_lossy(&bytes)))
}
