//! `ebbtide check --render`: charts and kustomizations, by the tools for them.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::{TempDir, tempdir};

use crate::{BAD, text};

/// Where `cargo xtask test` puts Helm and kubectl.
const TOOLS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/tests/renderers/bin");

/// Runs the command in a folder with these programs and no others.
fn check(folder: &Path, programs: &Path, words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_ebbtide"))
        .arg("check")
        .args(words)
        .current_dir(folder)
        .env("PATH", programs)
        // Helm keeps what it fetches in the home folder.
        .env("HOME", folder)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

/// Returns a folder with one program: that of `cargo xtask test`, or that of PATH.
fn with_tool(name: &str) -> TempDir {
    let folder = tempdir().unwrap();
    let on_path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::iter::once(PathBuf::from(TOOLS)).chain(std::env::split_paths(&on_path));
    let found = folders.map(|folder| folder.join(name)).find(|path| path.is_file());
    let found = found.unwrap_or_else(|| panic!("`{name}` is missing: `cargo xtask test` installs it"));
    std::os::unix::fs::symlink(fs::canonicalize(found).unwrap(), folder.path().join(name)).unwrap();
    folder
}

/// Returns a folder with a program that runs this script.
fn with_script(name: &str, script: &str) -> TempDir {
    let folder = tempdir().unwrap();
    let file = folder.path().join(name);
    fs::write(&file, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
    folder
}

fn write(folder: &Path, files: &[(&str, &str)]) {
    for (name, content) in files {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
}

/// A chart whose pod has the grace period of its values, and a kustomization of a pod without enough of it.
fn project() -> TempDir {
    let folder = tempdir().unwrap();
    let pod = "{{- if .Values.enabled }}\napiVersion: v1\nkind: Pod\nmetadata:\n  name: {{ .Release.Name }}-api\n  annotations: \
               {ebbtide.dev/drain: 40s}\nspec:\n  terminationGracePeriodSeconds: {{ .Values.grace }}\n  containers:\n  - name: api\n    \
               image: api\n{{- end }}\n";
    write(
        folder.path(),
        &[
            ("chart/Chart.yaml", "apiVersion: v2\nname: shop\nversion: 1.0.0\n"),
            ("chart/values.yaml", "enabled: true\ngrace: 30\n"),
            ("chart/templates/pod.yaml", pod),
            ("long.yaml", "grace: 60\n"),
            ("overlay/kustomization.yaml", "resources:\n- pod.yaml\nnamePrefix: test-\n"),
            ("overlay/pod.yaml", BAD),
        ],
    );
    folder
}

#[test]
fn a_chart_is_rendered_with_its_values_and_findings_name_the_template() {
    let (project, tools) = (project(), with_tool("helm"));
    let output = check(project.path(), tools.path(), &["--render", "chart"]);
    let shown = text(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{shown}{}", text(&output.stderr));
    assert!(shown.contains("error[K001]: Pod release-api"), "{shown}");
    assert!(shown.contains("chart/templates/pod.yaml (rendered):"), "{shown}");
    assert!(!shown.contains("fixable"), "an edit would change no file: {shown}");
    // Beside the lines of a pull request it is at the line of the template.
    let github = check(project.path(), tools.path(), &["--render", "chart", "--format", "github"]);
    let shown = text(&github.stdout);
    assert!(shown.contains("::error file=chart/templates/pod.yaml,line=8,"), "{shown}");
    let output = check(project.path(), tools.path(), &["--render", "chart", "--values", "long.yaml"]);
    assert_eq!(output.status.code(), Some(0), "{}{}", text(&output.stdout), text(&output.stderr));
    assert!(text(&output.stdout).contains("in 1 workload"), "{}", text(&output.stdout));
    // A comment of the template is in what Helm prints.
    let template = project.path().join("chart/templates/pod.yaml");
    let pod = fs::read_to_string(&template).unwrap();
    fs::write(
        template,
        pod.replace("  terminationG", "  # ebbtide:ignore K001 jobs run again\n  terminationG"),
    )
    .unwrap();
    let output = check(project.path(), tools.path(), &["--render", "chart", "--show-suppressed"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stdout));
    assert!(text(&output.stdout).contains("jobs run again"), "{}", text(&output.stdout));
}

#[test]
fn a_kustomization_is_rendered_by_kubectl_without_kustomize() {
    let (project, tools) = (project(), with_tool("kubectl"));
    let output = check(project.path(), tools.path(), &["--render", "overlay"]);
    let shown = text(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{shown}{}", text(&output.stderr));
    assert!(
        shown.contains("error[K001]: Pod test-api")
            && shown.contains("overlay/kustomization.yaml (rendered):"),
        "{shown}"
    );
}

/// No registry has the program `kustomize`: a script stands for it.
#[test]
fn kustomize_comes_before_kubectl() {
    let project = project();
    let printed = BAD.replace("name: api\n  ann", "name: printed\n  ann");
    let tools = with_script("kustomize", &format!("echo \"$@\" > arguments\ncat <<'END'\n{printed}END"));
    let path = std::env::join_paths([tools.path(), Path::new("/usr/bin"), Path::new("/bin")]).unwrap();
    let output = check(project.path(), Path::new(&path), &["--render", "overlay"]);
    let shown = text(&output.stdout);
    assert!(shown.contains("Pod printed"), "{shown}{}", text(&output.stderr));
    assert_eq!(fs::read_to_string(project.path().join("arguments")).unwrap(), "build overlay\n");
}

#[test]
fn without_the_option_a_template_is_reported_as_not_read_and_no_program_runs() {
    let (project, tools) = (project(), with_script("helm", "touch ran"));
    let output = check(project.path(), tools.path(), &["chart"]);
    let shown = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{shown}");
    assert!(shown.contains("template that is not rendered"), "{shown}");
    assert_eq!(shown.matches("hint: check what is rendered: with `--render FOLDER`").count(), 1, "{shown}");
    assert!(!project.path().join("ran").exists());
}

#[test]
fn a_missing_or_failing_program_is_named_and_everything_else_is_checked() {
    let (project, empty) = (project(), tempdir().unwrap());
    write(project.path(), &[("other.yaml", BAD)]);
    let words = ["--render", "chart", "--render", "overlay", "other.yaml"];
    let output = check(project.path(), empty.path(), &words);
    let (shown, said) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(2), "{shown}{said}");
    for part in
        ["no program `helm` to render it", "no program `kustomize` and no program `kubectl` to render it"]
    {
        assert!(shown.contains(part) && said.contains(part), "{shown}{said}");
    }
    assert!(said.contains("https://helm.sh/docs/intro/install/"), "{said}");
    assert!(shown.contains("error[K001]: Pod api"), "{shown}");

    let failing = with_script("helm", "echo 'Error: no value' >&2\nexit 3");
    let output = check(project.path(), failing.path(), &["--render", "chart", "other.yaml"]);
    let shown = text(&output.stdout);
    assert_eq!(output.status.code(), Some(2), "{shown}");
    assert!(shown.contains("`helm template` failed: Error: no value"), "{shown}");
    assert!(shown.contains("error[K001]: Pod api"), "{shown}");
}

#[test]
fn a_folder_that_is_neither_and_wrong_usage_are_refused() {
    let (project, tools) = (project(), tempdir().unwrap());
    let output = check(project.path(), tools.path(), &["--render", "."]);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        text(&output.stdout).contains("neither a Helm chart nor a kustomization"),
        "{}",
        text(&output.stdout)
    );
    let nowhere = check(project.path(), tools.path(), &["--render", "nope"]);
    let shown = text(&nowhere.stdout);
    assert_eq!(nowhere.status.code(), Some(2));
    assert!(shown.contains("not checked: no such folder") && shown.contains("--> nope"), "{shown}");
    // Values are for charts.
    let values = check(project.path(), tools.path(), &["--render", "overlay", "--values", "long.yaml"]);
    assert_eq!((values.status.code(), values.stdout.len()), (Some(2), 0));
    assert!(
        text(&values.stderr).contains("--values is for Helm charts, and --render names kustomizations only"),
        "{}",
        text(&values.stderr)
    );
    for words in [&["--render", "chart", "--fix"][..], &["--values", "long.yaml", "chart"], &[]] {
        assert_eq!(check(project.path(), tools.path(), words).status.code(), Some(2), "{words:?}");
    }
}
