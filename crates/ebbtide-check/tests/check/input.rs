//! Input that is broken, hostile or unusual: what can be checked is checked, and the rest is reported with its place.

use std::ffi::OsStr;
use std::fs;
use std::io::Write as _;
use std::os::fd::AsRawFd as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::process::Command;

use ebbtide_check::{Options, Position, Report, Sources, check, collect};
use tempfile::tempdir;

use crate::common::{check_all, check_text, ids, shown};

/// A pod that K001 finds.
const BAD: &str = "apiVersion: v1\nkind: Pod\nmetadata:\n  name: api\n  annotations: {ebbtide.dev/drain: 40s}\nspec:\n  containers:\n  - \
                   name: api\n    image: api\n";

fn check_paths(paths: &[PathBuf]) -> Report {
    let mut sources = Sources::new();
    let (files, mut problems) = collect(paths);
    for file in files {
        problems.extend(sources.add_file(&file).err());
    }
    let mut report = check(sources, &Options::default());
    report.problems.extend(problems);
    report
}

#[test]
fn a_broken_file_is_reported_at_its_place_and_the_others_are_checked() {
    let report = check_all(&[("broken.yaml", "services:\nb: [1,\nc: }\n"), ("good.yaml", BAD)]);
    assert_eq!(ids(&report), ["K001"]);
    let problem = &report.problems[0];
    let position = report.sources.position(problem.place.unwrap());
    assert_eq!((&*problem.path, report.is_incomplete()), ("broken.yaml", true));
    assert!(position.line >= 2, "{position:?}");
}

#[test]
fn a_broken_document_does_not_hide_the_documents_around_it() {
    let text = format!("{BAD}---\nkind: [\n---\n{}", BAD.replace("name: api\n  ann", "name: other\n  ann"));
    let report = check_text("a.yaml", &text);
    assert_eq!((ids(&report).len(), report.problems.len()), (2, 1), "{}", shown(&report));
}

#[test]
fn a_helm_template_is_not_a_failure() {
    let report = check_text(
        "templates/deployment.yaml",
        "{{- if .Values.on }}\napiVersion: v1\nkind: {{ .Values.kind }}\n{{- end }}\n",
    );
    assert_eq!((report.problems.len(), report.is_incomplete()), (1, false), "{}", shown(&report));
    assert!(report.problems[0].message.contains("not rendered"));
}

#[test]
fn broken_json_is_a_failure_only_if_it_looks_like_a_deployment() {
    let other = check_text("tsconfig.json", "{\"strict\": [}");
    assert_eq!((other.problems.len(), other.is_incomplete()), (1, false), "{}", shown(&other));
    let task = check_text("task.json", "{\"containerDefinitions\": [}");
    assert!(task.is_incomplete(), "{}", shown(&task));
}

/// A folder may have the configuration of nginx beside its deployment files.
#[test]
fn a_file_with_the_name_of_a_unit_that_is_none_is_left_alone() {
    for name in ["default.conf", "a.timer", "a.service", "a.container"] {
        let report = check_text(name, "server {\n  listen 80;\n}\n[a\nb: [\n");
        assert!(report.problems.is_empty() && report.recognised == 0, "{name}: {}", shown(&report));
    }
}

#[test]
fn a_value_that_is_not_known_before_the_deploy_makes_no_finding() {
    for value in ["${GRACE}", "'{{ .Values.grace }}'", "soon", "-1"] {
        let text = BAD.replace("spec:\n", &format!("spec:\n  terminationGracePeriodSeconds: {value}\n"));
        assert_eq!(ids(&check_text("a.yaml", &text)), [""; 0], "{value}");
    }
}

#[test]
fn line_ends_marks_and_quotes_change_nothing_but_positions() {
    let windows = BAD.replace('\n', "\r\n");
    let with_mark = format!("\u{feff}{windows}");
    let folder = tempdir().unwrap();
    let file = folder.path().join("a.yaml");
    fs::write(&file, with_mark).unwrap();
    let report = check_paths(&[file]);
    assert_eq!(ids(&report), ["K001"]);
    let place = report.findings[0].place().unwrap();
    assert_eq!(report.sources.position(place), Position { line: 4, column: 9 });
    assert!(!shown(&report).contains('\r'));
}

#[test]
fn lists_and_aliases_are_workloads_too() {
    let item = BAD.replace('\n', "\n  ");
    let list = format!("apiVersion: v1\nkind: List\nitems:\n- {item}\n");
    assert_eq!(ids(&check_text("a.yaml", &list)), ["K001"]);
    let merged = "x-a: &a {ebbtide.dev/drain: 40s}\napiVersion: v1\nkind: Pod\nmetadata: {name: api, annotations: {<<: *a}}\nspec: {containers: \
                  [{name: api, image: api}]}\n";
    assert_eq!(ids(&check_text("a.yaml", merged)), ["K001"]);
}

#[test]
fn a_duplicate_key_of_a_workload_is_reported() {
    let report = check_text("a.yaml", &format!("{BAD}kind: Pod\n"));
    assert!(report.problems[0].message.contains("duplicate key `kind`"), "{}", shown(&report));
    let other = check_text("other.yaml", "a: 1\na: 2\n");
    assert!(other.problems.is_empty(), "not a deployment file");
}

#[test]
fn hostile_texts_end_quickly() {
    let mut laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..30 {
        let names = vec![format!("*a{}", level - 1); 10].join(", ");
        laughs.push_str(&format!("a{level}: &a{level} [{names}]\n"));
    }
    let wide: String = (0..50_000).map(|number| format!("k{number}: v\n")).collect();
    let long_line = format!(
        "apiVersion: v1\nkind: Pod\nmetadata: {{name: {}}}\nspec: {{terminationGracePeriodSeconds: 0}}\n",
        "x".repeat(1 << 20)
    );
    for text in [
        laughs,
        wide,
        "[".repeat(1 << 20),
        "{a: ".repeat(1 << 18),
        "- ".repeat(1 << 18),
        "&a ".repeat(1 << 16),
        long_line,
        format!("a = {{\n{}}}\n", (0..50_000).map(|number| format!("k{number} = 1\n")).collect::<String>()),
        format!("{{{}\"z\": 1}}", (0..50_000).map(|number| format!("\"k{number}\": 1,")).collect::<String>()),
        "\0".to_owned(),
        // Command lines.
        format!("[Service]\nExecStart={}\n", "/a.sh ".repeat(1 << 16)),
        format!("[Service]\nExecStart=/a {}\n", "-- ".repeat(1 << 16)),
        format!("web: env {}\n", "python3 -a ".repeat(1 << 15)),
    ] {
        for name in ["a.yaml", "a.json", "Dockerfile", "a.service", "a.tf", "fly.toml", "Procfile"] {
            let _ = shown(&check_text(name, &text));
        }
    }
}

#[test]
fn a_broken_text_with_wide_characters_is_reported_at_whole_ones() {
    let broken = [
        "c ",
        "c = [1,\n",
        "{\"a\": [1}",
        "a: [b\n",
        "a: b: c\n",
        "[x\n",
        "FROM \nRUN <<E\n",
        "a = \"${b\n",
        "- \tx: |1\n y",
    ];
    let names = [
        "a.yaml",
        "a.json",
        "Dockerfile",
        "a.service",
        "a.container",
        "a.tf",
        "a.nomad.hcl",
        "fly.toml",
        "Procfile",
        "a.sh",
    ];
    for (text, wide) in broken.iter().flat_map(|text| ["é", "\u{750}", "日", "🙂"].map(|wide| (text, wide)))
    {
        for at in 0..=text.len() {
            let text = format!("{}{wide}{}", &text[..at], &text[at..]);
            for name in names {
                let report = check_text(name, &text);
                // Rendering cuts the text at the places.
                let shown = shown(&report);
                assert!(report.problems.is_empty() || shown.contains(name), "{name} {text:?}: {shown}");
            }
        }
    }
}

#[test]
fn folders_are_walked_without_ignored_files_and_loops() {
    let folder = tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::create_dir_all(at("a/b")).unwrap();
    fs::create_dir_all(at("out")).unwrap();
    for name in ["a/b/pod.yaml", "out/pod.yaml", "a/notes.txt"] {
        fs::write(at(name), BAD).unwrap();
    }
    fs::write(at(".gitignore"), "out/\n").unwrap();
    symlink(folder.path(), at("a/loop")).unwrap();
    symlink(at("a/b"), at("a/same")).unwrap();
    symlink(at("missing"), at("a/dangling")).unwrap();
    let report = check_paths(&[folder.path().to_owned()]);
    assert_eq!((ids(&report), report.problems.len()), (vec!["K001"], 0), "{}", shown(&report));
}

/// Such a link hides a deployment file; one to a folder that is walked anyway, or that has none, does not.
#[test]
fn a_link_that_hides_a_deployment_file_is_noted() {
    let (folder, elsewhere) = (tempdir().unwrap(), tempdir().unwrap());
    let at = |name: &str| folder.path().join(name);
    fs::create_dir_all(elsewhere.path().join("notes")).unwrap();
    fs::write(elsewhere.path().join("pod.yaml"), BAD).unwrap();
    fs::write(elsewhere.path().join("notes/a.txt"), "").unwrap();
    fs::write(at("pod.yaml"), BAD).unwrap();
    symlink("missing.yaml", at("dangling.yaml")).unwrap();
    symlink("loop.service", at("loop.service")).unwrap();
    symlink(elsewhere.path(), at("base")).unwrap();
    symlink(elsewhere.path().join("notes"), at("notes")).unwrap();
    symlink(elsewhere.path().join("pod.yaml"), at("other.yaml")).unwrap();
    let report = check_paths(&[folder.path().to_owned()]);
    let found: Vec<String> = report
        .problems
        .iter()
        .map(|problem| {
            let (name, message) = (problem.path.rsplit('/').next().unwrap_or_default(), &problem.message);
            format!("{name}: {}", message.split(": ").next().unwrap_or_default())
        })
        .collect();
    assert_eq!(
        found,
        [
            "base: symbolic link to a folder, which is not followed",
            "dangling.yaml: symbolic link that leads to no file",
            "loop.service: symbolic link that leads to no file",
        ]
    );
    assert_eq!((ids(&report), report.is_incomplete()), (vec!["K001", "K001"], false), "{}", shown(&report));
    // A folder that is named is walked, also by the name of a link.
    assert_eq!(ids(&check_paths(&[at("base")])), ["K001"]);
}

/// Such a name is shown with a replacement character, and the file is read and fixed under its own.
#[test]
fn a_file_whose_name_is_not_utf8_is_read() {
    let folder = tempdir().unwrap();
    fs::write(folder.path().join(OsStr::from_bytes(b"caf\xe9.yaml")), BAD).unwrap();
    let report = check_paths(&[folder.path().to_owned()]);
    assert_eq!((ids(&report), report.problems.len()), (vec!["K001"], 0), "{}", shown(&report));
    assert!(shown(&report).contains("caf\u{fffd}.yaml:4:9"), "{}", shown(&report));
}

#[test]
fn files_that_cannot_be_read_are_problems() {
    let folder = tempdir().unwrap();
    let latin = folder.path().join("latin.yaml");
    fs::write(&latin, b"name: caf\xe9\n").unwrap();
    let pod = folder.path().join("pod.yaml");
    fs::write(&pod, BAD).unwrap();
    let report = check_paths(&[latin, folder.path().join("missing.yaml"), pod]);
    let messages: Vec<_> = report.problems.iter().map(|problem| &*problem.message).collect();
    assert!(
        messages[0].contains("not UTF-8: invalid byte in line 1, column 10")
            && messages[1].contains("No such file"),
        "{messages:?}"
    );
    assert_eq!((ids(&report), report.is_incomplete()), (vec!["K001"], true));
}

/// Opening a FIFO waits for a writer, and a device may have no end: the test would not end either.
#[test]
fn what_is_no_regular_file_is_reported_and_not_opened() {
    let folder = tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    assert!(Command::new("mkfifo").arg(at("fifo.yaml")).status().unwrap().success());
    let _listener = UnixListener::bind(at("socket.yaml")).unwrap();
    symlink(at("fifo.yaml"), at("link.yaml")).unwrap();
    symlink("/dev/zero", at("zero.yaml")).unwrap();
    assert!(Command::new("mkfifo").arg(at("other.txt")).status().unwrap().success());
    fs::write(at("pod.yaml"), BAD).unwrap();
    let named: Vec<PathBuf> =
        ["fifo.yaml", "link.yaml", "pod.yaml", "socket.yaml", "zero.yaml"].map(at).into_iter().collect();
    for paths in [named, vec![folder.path().to_owned()]] {
        let report = check_paths(&paths);
        let found: Vec<String> = report
            .problems
            .iter()
            .map(|problem| {
                let name = problem.path.rsplit('/').next().unwrap_or_default();
                format!("{name}: {}", problem.message)
            })
            .collect();
        let expected = [("fifo", "FIFO"), ("link", "FIFO"), ("socket", "socket"), ("zero", "device")]
            .map(|(name, kind)| format!("{name}.yaml: not a regular file: a {kind}"));
        assert_eq!(found, expected);
        assert_eq!((ids(&report), report.is_incomplete()), (vec!["K001"], true));
    }
}

/// A shell passes the output of a command by such a path: `ebbtide check <(helm template .)`.
#[test]
fn a_pipe_that_is_already_open_is_read() {
    let (reader, mut writer) = std::io::pipe().unwrap();
    writer.write_all(BAD.as_bytes()).unwrap();
    drop(writer);
    let report = check_paths(&[PathBuf::from(format!("/dev/fd/{}", reader.as_raw_fd()))]);
    assert_eq!(ids(&report), ["K001"], "{}", shown(&report));
}

/// The sparse file has no blocks on the disk.
#[test]
fn a_file_beyond_the_limit_is_refused_without_reading_it_whole() {
    let folder = tempdir().unwrap();
    let file = folder.path().join("huge.yaml");
    fs::File::create(&file).unwrap().set_len(10 << 30).unwrap();
    let report = check_paths(&[file]);
    assert!(report.problems[0].message.contains("larger than 64 MiB"), "{}", shown(&report));
}

/// Thousands of objects of one name in one folder: each workload has the routes of its own file.
#[test]
fn the_same_names_in_many_files_of_a_folder_are_joined_within_their_files() {
    let example = ebbtide_check::find("K005").unwrap().bad[0].text;
    let names: Vec<String> = (0..2000).map(|number| format!("apps/{number}.yaml")).collect();
    let files: Vec<(&str, &str)> = names.iter().map(|name| (&**name, example)).collect();
    let report = check_all(&files);
    let warnings: Vec<_> = report.active().filter(|finding| finding.rule.id == "K005").collect();
    assert_eq!(warnings.len(), 2000);
    for finding in warnings {
        let sources: Vec<_> = finding.labels.iter().map(|label| label.place.source).collect();
        assert!(sources.iter().all(|source| *source == sources[0]), "{finding:?}");
    }
}

#[test]
fn a_service_in_another_file_of_the_folder_is_joined_and_one_in_another_folder_is_not() {
    let example = ebbtide_check::find("K005").unwrap().bad[0].text;
    let (deployment, routes) = example.split_once("---\n").unwrap();
    assert_eq!(ids(&check_all(&[("a/deployment.yaml", deployment), ("a/routes.yaml", routes)])), ["K005"]);
    assert_eq!(ids(&check_all(&[("a/deployment.yaml", deployment), ("b/routes.yaml", routes)])), [""; 0]);
}

/// BuildKit refuses both.
#[test]
fn what_docker_cannot_parse_is_an_error_with_its_place() {
    let failure = |text: &str| {
        let report = check_text("Dockerfile", text);
        let problem = report.problems.iter().find(|problem| problem.is_failure)?;
        let line = report.sources.position(problem.place?).line;
        Some((line, problem.message.clone()))
    };
    let found = |line, message: &str| Some((line, message.to_owned()));
    assert_eq!(failure("FROM debian:12\nFROM\nCMD [\"a\"]\n"), found(2, "FROM without an image"));
    assert_eq!(failure("FROM a\nRUN <<EOF\nx\nCMD b\n"), found(2, "here document `EOF` is not closed"));
    assert_eq!(failure("FROM a\nCOPY <<A <<-'B' /x/\nA\nb\n"), found(2, "here document `B` is not closed"));
    for good in [
        "FROM a\nRUN <<EOF\nx\nEOF",
        "FROM a\nRUN 3<<EOF cat\nx\nEOF\nCMD b\n",
        "FROM a\nRUN sh -c \"cat <<EOF\" && true\nCMD b\n",
        "FROM a\nRUN cat <<<x && echo $((1<<A))\nCMD b\n",
        "FROM a\nCMD cat <<EOF\n",
        "FROM a\nRUN [\"a\", \"<<EOF\"]\n",
    ] {
        assert_eq!(failure(good), None, "{good}");
    }
}
