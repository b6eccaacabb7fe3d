//! The settings that gunicorn reads in the folder that it starts in.

use crate::common::{check_all, shown};

const IMAGE: &str = "FROM python:3\nWORKDIR /app\nCOPY . .\nCMD [\"gunicorn\", \"a:b\"]\n";
const FILE: &str = "bind = \":80\"\n# graceful_timeout = 90\ngraceful_timeout = 40  # seconds\n";

/// Returns the drain of the first sum.
fn drain(files: &[(&str, &str)]) -> Option<String> {
    let report = check_all(files);
    assert!(report.problems.is_empty(), "{}", shown(&report));
    let mut sums = report.active().filter_map(|finding| finding.arithmetic.clone());
    let sum = sums.find(|sum| sum.contains("(drain"))?;
    sum.split(" (drain").next()?.rsplit(' ').next().map(str::to_owned)
}

#[test]
fn a_file_that_is_copied_to_the_folder_of_the_start_is_read() {
    let compose = "services:\n  a: {build: ., stop_grace_period: 5s}\n";
    let check = |image: &str, compose: &str, text: &str| {
        drain(&[("s/Dockerfile", image), ("s/compose.yaml", compose), ("s/gunicorn.conf.py", text)])
    };
    assert_eq!(check(IMAGE, compose, FILE).as_deref(), Some("40"));
    assert_eq!(drain(&[("s/Dockerfile", IMAGE), ("s/compose.yaml", compose)]).as_deref(), Some("30"));
    // The flag counts more, and a file without the setting leaves the default.
    let flag = IMAGE.replace("\"a:b\"", "\"--graceful-timeout\", \"50\", \"a:b\"");
    assert_eq!(check(&flag, compose, FILE).as_deref(), Some("50"));
    assert_eq!(check(IMAGE, compose, "workers = 2\n").as_deref(), Some("30"));
    for image in [
        IMAGE.replace("COPY . .", "COPY gunicorn.conf.py ./"),
        IMAGE.replace("COPY . .", "COPY *.py /app/"),
        IMAGE.replace("WORKDIR /app", "WORKDIR $HOME"),
        IMAGE.replace("[\"gunicorn\", \"a:b\"]", "exec gunicorn a:b"),
    ] {
        assert_eq!(check(&image, compose, FILE).as_deref(), Some("40"), "{image}");
    }
    // Where it is not certain that it is read, and for what it may set, no value is claimed.
    for image in [
        IMAGE.replace("COPY . .", "COPY . /src"),
        IMAGE.replace("COPY . .", "COPY --from=build /app /app"),
        IMAGE.replace("[\"gunicorn\", \"a:b\"]", "cd /src && exec gunicorn a:b"),
        IMAGE.replace("\"a:b\"", "\"--chdir\", \"/src\", \"a:b\""),
        IMAGE.replace("\"a:b\"", "\"-c\", \"other.py\", \"a:b\""),
        IMAGE.replace("CMD", "ENTRYPOINT [\"/start.sh\"]\nCMD"),
    ] {
        assert_eq!(check(&image, compose, FILE), None, "{image}");
    }
    for text in [
        "graceful_timeout = int(os.environ[\"T\"])\n",
        "if x:\n    graceful_timeout = 40\n",
        "graceful_timeout = 40\ngraceful_timeout += 5\n",
        "\"\"\"\ngraceful_timeout = 40\n\"\"\"\n",
        "graceful_timeout = 40\nfrom shop.settings import *\n",
        "for key, value in os.environ.items():\n    locals()[key] = value\n",
    ] {
        assert_eq!(check(IMAGE, compose, text), None, "{text}");
    }
    let moved = compose.replace("build: .", "build: ., working_dir: /srv");
    assert_eq!(check(IMAGE, &moved, FILE), None);
}

#[test]
fn a_file_elsewhere_leaves_the_default_only_where_it_cannot_be_read() {
    let compose = "services:\n  a: {build: ./s, stop_grace_period: 5s}\n";
    let check = |path: &str| drain(&[("s/Dockerfile", IMAGE), ("compose.yaml", compose), (path, FILE)]);
    assert_eq!(check("s/gunicorn.conf.py").as_deref(), Some("40"));
    assert_eq!(check("other/gunicorn.conf.py").as_deref(), Some("30"));
    assert_eq!(check("s/sub/gunicorn.conf.py"), None);
    // What an image has that is built elsewhere is not known.
    let run = "services:\n  a: {image: a, command: [gunicorn, 'a:b'], stop_grace_period: 5s}\n";
    assert_eq!(drain(&[("compose.yaml", run)]).as_deref(), Some("30"));
    assert_eq!(drain(&[("compose.yaml", run), ("other/gunicorn.conf.py", FILE)]), None);
}

#[test]
fn the_folder_of_a_procfile_is_that_of_its_processes() {
    let check = |run: &str, path: &str| drain(&[("s/Procfile", run), (path, FILE)]);
    assert_eq!(check("web: gunicorn a:b\n", "s/gunicorn.conf.py").as_deref(), Some("40"));
    assert_eq!(check("web: gunicorn a:b\n", "gunicorn.conf.py").as_deref(), Some("30"));
    assert_eq!(check("web: cd x && gunicorn a:b\n", "s/gunicorn.conf.py"), None);
}
