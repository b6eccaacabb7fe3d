//! What files name and the walk of a folder does not find is read.

use std::fs;
use std::path::Path;

use ebbtide_check::{Options, Report, Severity, Sources, check, collect, fix, read_referenced};

use crate::common::{check_all, check_text, ids, shown};

fn write(root: &Path, files: &[(&str, &str)]) {
    for (name, text) in files {
        let path = root.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
}

/// Checks a folder, or a file of it that is named.
fn check_path(root: &Path, named: Option<&str>) -> Report {
    let path = named.map_or(root.to_owned(), |name| root.join(name));
    let mut sources = Sources::new();
    for file in collect(&[path]).0 {
        let id = sources.add_file(&file).unwrap();
        if named.is_some() {
            sources.require(id);
        }
    }
    read_referenced(&mut sources);
    check(sources, &Options::default())
}

const SCRIPT: &str = "#!/bin/sh\nset -e\n./migrate\n./server\n";

#[test]
fn a_script_without_an_ending_is_read_where_the_image_starts_it() {
    for (name, image) in [
        ("bin/start", "COPY bin/start /app/bin/start\nCMD [\"/app/bin/start\"]"),
        ("bin/start", "WORKDIR /app\nCOPY bin bin\nCMD [\"bin/start\"]"),
        ("bin/start", "ENV PATH=\"/app/bin:$PATH\"\nCOPY bin/start /app/bin/\nCMD [\"start\"]"),
        ("run", "COPY run /usr/local/bin/run\nENTRYPOINT [\"run\"]"),
        ("run", "COPY . /app\nWORKDIR /app\nCMD exec ./run"),
        ("rootfs/init-app", "COPY rootfs/ /\nCMD [\"/init-app\"]"),
        ("run.ksh", "COPY *.ksh /\nCMD [\"/run.ksh\"]"),
        ("start", "COPY start /\nENTRYPOINT [\"tini\", \"--\", \"sh\", \"/start\"]"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let image = format!("FROM debian:12\n{image}\n");
        write(folder.path(), &[("Dockerfile", &image), (name, SCRIPT)]);
        for named in [None, Some("Dockerfile")] {
            let report = check_path(folder.path(), named);
            assert_eq!(ids(&report), ["D003"], "{image} {named:?}\n{}", shown(&report));
            let place = report.findings[0].place().unwrap();
            assert!(report.sources.name(place).ends_with(name), "{}", shown(&report));
            // What is read for a named file alone is not changed.
            let applied = fix(report, &Options::default(), Severity::Info).applied;
            assert_eq!(applied.is_empty(), named.is_some(), "{image}");
        }
        write(folder.path(), &[(name, &SCRIPT.replace("./server", "exec ./server"))]);
        assert_eq!(ids(&check_path(folder.path(), None)), [""; 0], "{image}");
    }
}

#[test]
fn what_the_image_does_not_start_is_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let image = "FROM debian:12\nCOPY server setup data /app/\nCMD [\"/app/server\"]\n";
    let files =
        [("Dockerfile", image), ("setup", SCRIPT), ("server", "\u{7f}ELF\n"), ("data", "#!/bin/sh\n")];
    write(folder.path(), &files);
    fs::create_dir(folder.path().join("app")).unwrap();
    assert_eq!(check_path(folder.path(), None).sources.len(), 1);
    // A file that is no text.
    fs::write(folder.path().join("server"), b"#!/bin/sh\n\xff").unwrap();
    let report = check_path(folder.path(), None);
    assert_eq!((report.sources.len(), report.problems.len()), (1, 0), "{}", shown(&report));
}

#[test]
fn the_dockerfile_that_a_named_file_builds_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let compose = "services:\n  api: {build: {context: api, dockerfile: Dockerfile.prod}}\n";
    let image = |time: u32| {
        format!("FROM python:3.13\nCMD [\"gunicorn\", \"--graceful-timeout\", \"{time}\", \"a:b\"]\n")
    };
    for (time, expected) in [(60, &["C001"][..]), (5, &[])] {
        write(folder.path(), &[("compose.yaml", compose), ("api/Dockerfile.prod", &image(time))]);
        assert_eq!(ids(&check_path(folder.path(), Some("compose.yaml"))), expected);
        assert_eq!(ids(&check_path(folder.path(), None)), expected);
    }
    // A finding that is about the image alone is none about the named file.
    write(folder.path(), &[("api/Dockerfile.prod", "FROM debian:12\nCMD ./server | tee log\n")]);
    assert_eq!(ids(&check_path(folder.path(), Some("compose.yaml"))), [""; 0]);
    assert_eq!(ids(&check_path(folder.path(), None)), ["D001"]);
}

#[test]
fn a_script_in_a_here_document_is_followed() {
    let image = |copy: &str, script: &str, start: &str| {
        format!("FROM debian:12\n{copy}\n{script}EOF\nRUN chmod +x /start.sh\nENTRYPOINT {start}\n")
    };
    for (copy, start) in [
        ("COPY <<EOF /start.sh", "[\"/start.sh\"]"),
        ("COPY --chmod=755 <<\"EOF\" /start.sh", "[\"/start.sh\"]"),
        ("COPY <<-EOF /", "[\"sh\", \"/EOF\"]"),
        ("WORKDIR /app\nCOPY <<'EOF' start.sh", "exec ./start.sh"),
    ] {
        let text = image(copy, SCRIPT, start);
        let report = check_text("Dockerfile", &text);
        assert_eq!(ids(&report), ["D003"], "{text}\n{}", shown(&report));
        let place = report.findings[0].place().unwrap();
        assert_eq!(&text[place.start()..place.end()], "./server");
        let fixed = fix(report, &Options::default(), Severity::Info).report;
        let source = fixed.sources.get(place.source).unwrap().text();
        assert_eq!((ids(&fixed), source), (vec![], &*text.replace("./server", "exec ./server")));
    }
    // Another file, and a script that replaces the document.
    for other in ["COPY <<EOF /other.sh", "COPY --from=build start.sh /start.sh\nCOPY <<EOF /other.sh"] {
        assert_eq!(ids(&check_text("Dockerfile", &image(other, SCRIPT, "[\"/start.sh\"]"))), [""; 0]);
    }
    let later =
        image("COPY <<EOF /start.sh", SCRIPT, "[\"/start.sh\"]").replace("RUN", "COPY x.sh /start.sh\nRUN");
    assert_eq!(ids(&check_text("Dockerfile", &later)), [""; 0]);
}

#[test]
fn a_dockerfile_inside_of_another_file_is_checked() {
    let inline = "services:\n  a:\n    build:\n      dockerfile_inline: |\n        FROM debian:12\n        CMD ./a | tee log\n";
    let bake =
        "target \"a\" {\n  dockerfile-inline = <<EOT\nFROM debian:12\nENV A=1\nCMD ./a | tee log\nEOT\n}\n";
    for (name, text, line) in [("compose.yaml", inline, 6), ("docker-bake.hcl", bake, 5)] {
        let report = check_text(name, text);
        assert_eq!((ids(&report), report.problems.len()), (vec!["D001"], 0), "{}", shown(&report));
        let place = report.findings[0].place().unwrap();
        assert_eq!(report.sources.position(place).line, line, "{}", shown(&report));
        assert_eq!(&text[place.start()..place.end()], "./a | tee log");
        let fixed = text.replace("./a | tee log", "exec ./a");
        assert_eq!(ids(&check_text(name, &fixed)), [""; 0]);
        // An added line would have no indentation.
        let editable = text.replace("./a | tee log", "./a");
        assert!(check_text(name, &editable).findings.iter().all(|finding| finding.fix.is_none()));
        let known = text.replace("CMD", "# ebbtide:ignore D001 known\n        CMD");
        assert_eq!(check_text(name, &known).counts().suppressed, 1, "{known}");
        let open = text.replace("CMD", "COPY <<EOF /x\n        CMD");
        assert!(check_text(name, &open).is_incomplete(), "{open}");
    }
    // A value in another form.
    let quoted = "services:\n  a:\n    build: {dockerfile_inline: \"FROM debian:12\\nCMD ./a | tee log\"}\n";
    let report = check_text("compose.yaml", quoted);
    assert!(shown(&report).contains("not read: Dockerfile inside of another file"), "{}", shown(&report));
    assert!(!report.is_incomplete());
    // Its context may be another folder, whose files these are not.
    let copies = inline.replace("CMD ./a | tee log", "COPY a.sh /\n        CMD [\"/a.sh\"]");
    let files = [("compose.yaml", &*copies), ("a.sh", SCRIPT)];
    assert_eq!(ids(&check_all(&files)), [""; 0]);
    let image = ("Dockerfile", "FROM debian:12\nCOPY a.sh /\nCMD [\"/a.sh\"]\n");
    assert_eq!(ids(&check_all(&[image, ("a.sh", SCRIPT)])), ["D003"]);
    // The Dockerfile of the folder is not the one that is built.
    let own =
        ("Dockerfile", "FROM python:3.13\nCMD [\"gunicorn\", \"--graceful-timeout\", \"60\", \"a:b\"]\n");
    let file = inline
        .replace("dockerfile_inline: |\n        FROM debian:12\n        CMD ./a | tee log", "context: .");
    let found = |compose: &str| ids(&check_all(&[("compose.yaml", compose), own]));
    assert_eq!((found(inline), found(&file)), (vec!["D001"], vec!["C001"]));
}
