//! Files of settings, right and wrong in many ways.

use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

use clap::Command;
use ebbtide_rehearse::Ready;

use super::keys::options;
use super::merge::merged;
use super::read::read;
use crate::error_form;
use crate::rehearse::args::RehearseArgs;
use crate::rehearse::plan::scenario;
use crate::settings::{BadSettings, NAME, SettingsFile};

/// A wrong file: the place of the fault, a part of the message, and a part of the hint.
pub(super) struct Wrong {
    pub(super) text: &'static str,
    place: &'static str,
    message: &'static str,
    hint: &'static str,
    /// Whether the schema can express it.
    pub(super) structural: bool,
}

const fn structural(
    text: &'static str,
    place: &'static str,
    message: &'static str,
    hint: &'static str,
) -> Wrong {
    Wrong { text, place, message, hint, structural: true }
}

const fn value(text: &'static str, place: &'static str, message: &'static str, hint: &'static str) -> Wrong {
    Wrong { text, place, message, hint, structural: false }
}

pub(super) const WRONG: [Wrong; 36] = [
    value("[rehearse\n", "1:10", "", "the file is TOML"),
    value("[rehearse]\ngrace = 5s\n", "2:", "", "the file is TOML"),
    value("[rehearse]\ngrace = 5\ngrace = 6\n", "3:1", "duplicate key", "the file is TOML"),
    structural("[rehersal]\n", "1:2", "unknown section `rehersal`", "similar: `rehearse`"),
    structural("ready = \"8080\"\n", "1:1", "unknown section `ready`", "the sections are check, rehearse"),
    structural("rehearse = 1\n", "1:12", "a whole number found", "write [rehearse]"),
    structural("[rehearse]\nstrom = 4\n", "2:1", "unknown key `strom`", "similar: `storm`"),
    structural(
        "[rehearse]\n\n  expect_exit = 1\n",
        "3:3",
        "unknown key `expect_exit`",
        "similar: `expect-exit`",
    ),
    structural(
        "[rehearse]\nzzzzzz = 1\n",
        "2:1",
        "unknown key `zzzzzz`",
        "the keys are those of the options: command, ready",
    ),
    structural("[rehearse]\ndemo = true\n", "2:1", "unknown key `demo`", ""),
    structural("[rehearse]\nattach = 7\n", "2:1", "unknown key `attach`", ""),
    value("[rehearse]\nvia = \"redis\"\n", "2:7", "invalid dependency `redis`", "`via`: reach a dependency"),
    structural("[rehearse]\nquiet = true\n", "2:1", "unknown key `quiet`", ""),
    structural(
        "[rehearse]\ngrace = true\n",
        "2:9",
        "a boolean found, expected a time such as \"30s\"",
        "`grace`: grace period",
    ),
    value("[rehearse]\ngrace = \"soon\"\n", "2:9", "invalid duration `soon`", "`grace`: grace period"),
    value("[rehearse]\ngrace = \"0s\"\n", "2:9", "must be greater than 0", "`grace`: "),
    structural("[rehearse]\ngrace = -1\n", "2:9", "must not be negative", "`grace`: "),
    structural(
        "[rehearse]\nstorm = \"many\"\n",
        "2:9",
        "a string found, expected a whole number",
        "`storm`: clients",
    ),
    structural("[rehearse]\nstorm = 1.5\n", "2:9", "a number found, expected a whole number", "`storm`: "),
    structural("[rehearse]\nstorm = -1\n", "2:9", "invalid number `-1`", "`storm`: "),
    value("[rehearse]\nrepeat = 0\n", "2:10", "invalid number `0`", "`repeat`: "),
    structural(
        "[rehearse]\nstrict = \"yes\"\n",
        "2:10",
        "a string found, expected true or false",
        "`strict`: fail when",
    ),
    structural(
        "[rehearse]\nplatform = \"kubernets\"\n",
        "2:12",
        "invalid value `kubernets`: expected one of kubernetes",
        "`platform`: ",
    ),
    value("[rehearse]\nsignal = \"STOP\"\n", "2:10", "no process can handle it", "`signal`: "),
    value("[rehearse]\nsignal = \"FOO\"\n", "2:10", "such as TERM, SIGWINCH, RTMIN+3", "`signal`: "),
    structural(
        "[rehearse]\ncommand = [1, 2]\n",
        "2:12",
        "invalid value of `command`: a whole number found, expected a string",
        "`command`: ",
    ),
    value(
        "[rehearse]\nready = \"ftp://x/\"\n",
        "2:9",
        "unsupported scheme `ftp`",
        "`ready`: readiness check",
    ),
    structural(
        "[rehearse]\nurl = \"/ping\"\n",
        "2:7",
        "a string found, expected a table",
        "`url`: request that a shape",
    ),
    structural("[rehearse]\nurl = { strom = \"/\" }\n", "2:17", "invalid route `strom=/`", "`url`: "),
    value("[rehearse]\nurl.storm = \"ping\"\n", "2:13", "invalid route `ping`", "`url`: "),
    value("[rehearse]\nheader = [\"X: 1\", \"no colon\"]\n", "2:19", "no colon", "`header`: "),
    value("[rehearse]\nallow-status = [503, 99]\n", "2:22", "invalid status `99`", "`allow-status`: "),
    structural("[rehearse]\nexpect-exit = [0, true]\n", "2:19", "a boolean found", "`expect-exit`: "),
    structural("[rehearse]\ncommand = []\n", "2:11", "no command", "write a command line"),
    value("[rehearse]\ncommand = \"sh -c '\"\n", "2:11", "no command", "write a command line"),
    value(
        "[rehearse]\nbody = \"a\"\nbody-file = \"b\"\n",
        "3:1",
        "`body` and `body-file` exclude each other",
        "remove `body` or `body-file`",
    ),
];

/// A file with keys of every kind.
pub(super) const WHOLE: &str = r#"
[check]
ignore = ["K003"]

[rehearse]
command = ["bin/shop", "--port", 8080]
ready = "http://127.0.0.1:8080/readyz"
ready-timeout = 2.5
pid1 = true
env = "QUEUE=redis://{via.redis}"
via = ["redis=127.0.0.1:6379"]
via-at-signal = "redis=delay:500ms"
header = ["X-Tenant: a"]
url = { storm = "/ping", open = "POST:/orders" }
http2 = true
storm = 4
think = "0-5ms"
grace = 12
platform = "docker"
expect-exit = [0, "signal:TERM"]
allow-status = 503
strict = true
no-phases = false
"#;

fn file(text: &str) -> SettingsFile {
    SettingsFile { folder: "/project".into(), path: NAME.into(), text: text.to_owned() }
}

/// What a call with the options `line` and this file has.
fn options_with(text: &str, line: &[&str]) -> Result<Option<RehearseArgs>, BadSettings> {
    let words = || line.iter().map(OsString::from);
    let given = options().try_get_matches_from(words_after_name(words())).unwrap();
    merged(&file(text), &given, words())
}

fn words_after_name(words: impl Iterator<Item = OsString>) -> impl Iterator<Item = OsString> {
    [OsString::from("rehearse")].into_iter().chain(words)
}

#[test]
fn a_wrong_file_is_refused_with_its_line_the_fault_and_a_hint() {
    let options: Command = options();
    for Wrong { text, place, message, hint, .. } in &WRONG {
        let error = read(&file(text), &options).err().unwrap_or_else(|| panic!("accepted: {text}"));
        let shown = error.to_string();
        assert!(shown.starts_with(&format!("ebbtide.toml:{place}")), "{text}: {shown}");
        assert!(shown.contains(message), "{text}: {shown}");
        let said = error.hint().unwrap();
        assert!(said.contains(hint), "{text}: {said}");
        assert!(!said.ends_with('.') && !said.contains('\n'), "{text}: {said}");
        if said.chars().count() < 200 {
            assert_eq!(error_form::violations(said), [""; 0], "{text}");
        }
    }
}

#[test]
fn each_kind_of_value_reaches_its_option() {
    let args = options_with(WHOLE, &[]).unwrap().unwrap();
    let words: Vec<_> = args.command.iter().map(|word| word.to_string_lossy()).collect();
    assert_eq!(words, ["/project/bin/shop", "--port", "8080"], "a program below the folder of the file");
    assert!(
        matches!(&args.ready, Some(Ready::Http(target, path)) if target.port() == Some(8080) && path == "/readyz")
    );
    assert_eq!(
        (args.ready_timeout, args.grace),
        (Duration::from_millis(2500), Some(Duration::from_secs(12)))
    );
    assert_eq!((args.header.len(), args.url.len(), args.http2, args.storm), (1, 2, Some(8), Some(4)));
    assert_eq!((args.expect_exit.len(), args.allow_status.as_slice()), (2, [503].as_slice()));
    assert!(args.strict && !args.no_phases);
    let scenario = scenario(&args).unwrap();
    assert!(scenario.pid_one && scenario.via.len() == 1 && scenario.via[0].at_signal.is_some());
    assert_eq!(scenario.env, [("QUEUE".into(), "redis://{via.redis}".into())]);
    let one = options_with("[rehearse]\ncommand = \"shop --name 'a b'\"\nhttp2 = 4\n", &[]).unwrap().unwrap();
    assert_eq!(one.command, ["shop", "--name", "a b"]);
    assert_eq!(one.http2, Some(4));
}

#[test]
fn an_option_replaces_that_of_the_file() {
    let args = options_with(
        WHOLE,
        &[
            "--grace=5s",
            "--header=A: b",
            "--header=C: d",
            "--url=storm=/x",
            "--allow-status=429",
            "--",
            "other",
        ],
    );
    let args = args.unwrap().unwrap();
    assert_eq!(args.grace, Some(Duration::from_secs(5)));
    assert_eq!((args.header.len(), args.url.len()), (2, 1), "a list is replaced, not extended");
    assert_eq!(args.allow_status, [429]);
    assert_eq!(args.command, ["other"]);
    assert_eq!(args.storm, Some(4), "what is not given is that of the file");
    // An option that excludes a key turns it off.
    let body = "[rehearse]\ncommand = \"shop\"\nbody = \"a\"\ninsecure = true\n";
    let args = options_with(body, &["--body-file=b", "--cacert=c"]).unwrap().unwrap();
    assert_eq!((args.body, args.insecure), (None, false));
    assert_eq!(args.body_file.as_deref(), Some(Path::new("b")), "a path as it was given");
}

#[test]
fn paths_count_from_the_folder_of_the_file() {
    let text = "[rehearse]\ncommand = \"shop\"\nbody-file = \"body.json\"\ncacert = \"/etc/ca.pem\"\n";
    let args = options_with(text, &[]).unwrap().unwrap();
    assert_eq!(args.body_file.as_deref(), Some(Path::new("/project/body.json")));
    assert_eq!(args.cacert.as_deref(), Some(Path::new("/etc/ca.pem")));
    assert_eq!(args.command, ["shop"], "a program that is searched for");
    // What it writes, and the sockets of a service that runs there.
    let text = "[rehearse]\ncommand = \"shop\"\nrecord = \"out/r.ndjson\"\nformat = [\"html=out/x.html\", \"json=/tmp/x\", \"text\"]\n\
                ready = \"http://unix:run/a.sock:/readyz\"\nvia = [\"redis=unix:run/r.sock\"]\n\
                url.storm = \"POST:http://unix:/run/b.sock:/x\"\nurl.tcp = \"/unix:x\"\npre-stop = \"bin/drain run\"\n";
    let args = options_with(text, &[]).unwrap().unwrap();
    assert_eq!(args.record.as_deref(), Some(Path::new("/project/out/r.ndjson")));
    let formats: Vec<String> = args.format.iter().map(ToString::to_string).collect();
    assert_eq!(formats, ["/project/out/x.html", "/tmp/x", "to stdout"]);
    let text = format!("{:?}", (&args.ready, &args.url, &args.service.via));
    for place in ["/project/run/a.sock", "unix:/run/b.sock", "/project/run/r.sock", "/unix:x"] {
        assert!(text.contains(place), "{place}: {text}");
    }
    let plan = scenario(&args).unwrap();
    assert_eq!(plan.folder.as_deref(), Some(Path::new("/project")));
    let hook = format!("{:?}", plan.stop.pre_stop);
    assert!(hook.contains("\"/project/bin/drain\", \"run\""), "{hook}");
    // A command of the command line runs where it is written.
    let here = scenario(
        &options_with("[rehearse]\ncommand = \"shop\"\n", &["--", "./x"])
            .unwrap()
            .unwrap_or_else(|| panic!("no settings")),
    );
    assert_eq!(here.unwrap().folder, None);
    let text = "[rehearse]\nprotoset = \"shop.protoset\"\ngrpc-message = '{\"id\": 7}'\n";
    let calls = options_with(text, &["--", "shop"]).unwrap().unwrap().calls;
    assert_eq!(calls.protoset.as_deref(), Some(Path::new("/project/shop.protoset")));
    assert_eq!(calls.grpc_message.len(), 1);
}

#[test]
fn a_file_without_the_section_changes_nothing() {
    for text in ["", "[check]\nselect = [\"K\"]\n", "[rehearse]\n"] {
        assert!(options_with(text, &["--", "x"]).unwrap().is_none(), "{text}");
    }
}
