//! `ebbtide language-server`, as an editor speaks to it.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};

use serde_json::{Value, json};
use tempfile::tempdir;

use crate::{BAD, ebbtide_with_input, text};

/// An editor with a server.
struct Editor {
    server: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
    requests: u64,
}

impl Editor {
    fn start(folder: &Path) -> Self {
        let mut server = Command::new(env!("CARGO_BIN_EXE_ebbtide"))
            .arg("language-server")
            .current_dir(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (to, from) = (server.stdin.take().unwrap(), BufReader::new(server.stdout.take().unwrap()));
        let mut editor = Self { server, to, from, requests: 0 };
        let answer =
            editor.ask("initialize", json!({"capabilities": {}, "processId": null, "rootUri": null}));
        assert_eq!(answer["result"]["capabilities"]["hoverProvider"], true, "{answer}");
        editor.tell("initialized", json!({}));
        editor
    }

    fn send(&mut self, message: &Value) {
        let text = message.to_string();
        write!(self.to, "Content-Length: {}\r\n\r\n{text}", text.len()).unwrap();
        self.to.flush().unwrap();
    }

    fn tell(&mut self, method: &str, params: Value) {
        self.send(&json!({"jsonrpc": "2.0", "method": method, "params": params}));
    }

    /// Sends a request and returns its answer, which is the next message.
    fn ask(&mut self, method: &str, params: Value) -> Value {
        self.requests += 1;
        self.send(&json!({"jsonrpc": "2.0", "id": self.requests, "method": method, "params": params}));
        let answer = self.next();
        assert_eq!(answer["id"], self.requests, "{answer}");
        answer
    }

    /// Waits for a message.
    fn next(&mut self) -> Value {
        let mut length = 0;
        loop {
            let mut line = String::new();
            assert_ne!(self.from.read_line(&mut line).unwrap(), 0, "the server ended");
            match line.trim_end().strip_prefix("Content-Length: ") {
                Some(number) => length = number.parse().unwrap(),
                None if line.trim_end().is_empty() => break,
                None => {}
            }
        }
        let mut bytes = vec![0; length];
        self.from.read_exact(&mut bytes).unwrap();
        serde_json::from_slice(&bytes).unwrap()
    }

    /// Waits for the diagnostics of a document.
    fn diagnostics(&mut self, uri: &str) -> Vec<Value> {
        let message = self.next();
        assert_eq!(message["method"], "textDocument/publishDiagnostics", "{message}");
        assert_eq!(message["params"]["uri"], uri, "{message}");
        message["params"]["diagnostics"].as_array().unwrap().clone()
    }

    fn open(&mut self, uri: &str, text: &str) -> Vec<Value> {
        let document = json!({"uri": uri, "languageId": "yaml", "version": 1, "text": text});
        self.tell("textDocument/didOpen", json!({"textDocument": document}));
        self.diagnostics(uri)
    }

    fn change(&mut self, uri: &str, text: &str) -> Vec<Value> {
        let params = json!({"textDocument": {"uri": uri, "version": 2}, "contentChanges": [{"text": text}]});
        self.tell("textDocument/didChange", params);
        self.diagnostics(uri)
    }

    fn end(mut self) -> ExitStatus {
        assert_eq!(self.ask("shutdown", Value::Null)["result"], Value::Null);
        self.tell("exit", Value::Null);
        self.server.wait().unwrap()
    }
}

fn uri(folder: &Path, name: &str) -> String {
    format!("file://{}/{name}", folder.display())
}

fn codes(diagnostics: &[Value]) -> Vec<&str> {
    diagnostics.iter().map(|diagnostic| diagnostic["code"].as_str().unwrap_or("-")).collect()
}

#[test]
fn findings_follow_the_text_that_is_typed_and_not_the_file() {
    let folder = tempdir().unwrap();
    fs::write(folder.path().join("pod.yaml"), "a: 1\n").unwrap();
    let mut editor = Editor::start(folder.path());
    let pod = uri(folder.path(), "pod.yaml");
    let found = editor.open(&pod, BAD);
    assert_eq!(codes(&found), ["K001"]);
    assert_eq!(
        found[0]["range"],
        json!({"start": {"line": 3, "character": 8}, "end": {"line": 3, "character": 11}})
    );
    assert_eq!((&found[0]["severity"], &found[0]["source"]), (&json!(1), &json!("ebbtide")));
    let message = found[0]["message"].as_str().unwrap();
    for part in
        ["Pod api needs 42 s to stop", "42 > 30 (terminationGracePeriodSeconds, default)", "remedy: set "]
    {
        assert!(message.contains(part), "{message}");
    }
    assert_eq!(codes(&editor.change(&pod, &BAD.replace("40s", "4s"))), [""; 0]);
    // What is no time is a diagnostic without a rule.
    let unread = editor.change(&pod, &BAD.replace("40s", "soon"));
    assert!(
        codes(&unread) == ["-"] && unread[0]["message"].as_str().unwrap().contains("invalid duration `soon`")
    );
    editor.tell("textDocument/didSave", json!({"textDocument": {"uri": pod}}));
    assert_eq!(editor.diagnostics(&pod).len(), 1);
    editor.tell("textDocument/didClose", json!({"textDocument": {"uri": pod}}));
    assert_eq!(editor.diagnostics(&pod).len(), 0);
    assert_eq!(editor.end().code(), Some(0));
}

#[test]
fn hover_shows_the_sum_and_a_quick_fix_makes_the_edit() {
    let folder = tempdir().unwrap();
    let mut editor = Editor::start(folder.path());
    let pod = uri(folder.path(), "pod%20a.yaml");
    editor.open(&pod, BAD);
    let document = json!({"uri": pod});
    let hover = editor.ask(
        "textDocument/hover",
        json!({"textDocument": document, "position": {"line": 7, "character": 2}}),
    );
    assert_eq!(
        hover["result"]["contents"]["value"],
        "**Pod api**\n\n- `api`: 40 (drain, from annotation ebbtide.dev/drain) + 2 (margin) = 42 > 30 \
         (terminationGracePeriodSeconds, default): SIGKILL comes 12 s too early"
    );
    let before = json!({"textDocument": document, "position": {"line": 0, "character": 0}});
    assert_eq!(editor.ask("textDocument/hover", before)["result"], Value::Null);
    let cursor =
        |line: u32| json!({"start": {"line": line, "character": 9}, "end": {"line": line, "character": 9}});
    let mut fixes = |line: u32| {
        let params = json!({"textDocument": document, "range": cursor(line), "context": {"diagnostics": []}});
        editor.ask("textDocument/codeAction", params)["result"].as_array().unwrap().clone()
    };
    assert_eq!(fixes(0).len(), 0);
    let offered = fixes(3);
    assert_eq!(offered.len(), 1);
    assert_eq!(offered[0]["title"], "K001: set terminationGracePeriodSeconds to 42");
    assert_eq!(
        offered[0]["edit"]["changes"][&pod],
        json!([{
            "range": {"start": {"line": 6, "character": 0}, "end": {"line": 6, "character": 0}},
            "newText": "  terminationGracePeriodSeconds: 42\n"
        }])
    );
    assert_eq!(editor.end().code(), Some(0));
}

#[test]
fn the_other_files_of_the_folder_and_the_settings_of_the_project_count() {
    let folder = tempdir().unwrap();
    let example = ebbtide_check::find("K005").unwrap().bad[0].text;
    let (deployment, routes) = example.split_once("---\n").unwrap();
    let mut editor = Editor::start(folder.path());
    let own = uri(folder.path(), "deployment.yaml");
    assert!(!codes(&editor.open(&own, deployment)).contains(&"K005"));
    fs::write(folder.path().join("routes.yaml"), routes).unwrap();
    let together = editor.change(&own, deployment);
    assert!(codes(&together).contains(&"K005"), "{together:?}");
    let related = together.iter().flat_map(|found| found["relatedInformation"].as_array().unwrap());
    let mut places = related.map(|related| related["location"]["uri"].as_str().unwrap());
    assert!(places.any(|place| place.ends_with("/routes.yaml")));
    fs::write(folder.path().join("ebbtide.toml"), "[check]\nignore = [\"K005\"]\n").unwrap();
    assert!(!codes(&editor.change(&own, deployment)).contains(&"K005"));
    fs::write(folder.path().join("ebbtide.toml"), "[chek]\n").unwrap();
    editor.tell("textDocument/didSave", json!({"textDocument": {"uri": own}}));
    assert!(codes(&editor.diagnostics(&own)).contains(&"K005"));
    let message = editor.next();
    assert_eq!(message["method"], "window/showMessage");
    assert!(message["params"]["message"].as_str().unwrap().contains("unknown field `chek`"), "{message}");
    assert_eq!(editor.end().code(), Some(0));
}

/// The same files as of one that is named alone.
#[test]
fn what_the_programs_read_beside_a_document_counts() {
    let folder = tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    let unit = "[Service]\nExecStart=/bin/web\nTimeoutStopSec=30\nEnvironmentFile=-/etc/default/web\n";
    let module = "resource \"aws_ecs_task_definition\" \"web\" {\n  family = \"web\"\n  container_definitions = jsonencode([{ name = \"web\", image = \
                  \"web\", stopTimeout = var.stop, command = [\"gunicorn\", \"--graceful-timeout\", \"60\"] }])\n}\nvariable \"stop\" {\n  default = 5\n}\n";
    write("r/etc/systemd/system/web.service", unit);
    let mut editor = Editor::start(folder.path());
    let (web, main) =
        (uri(folder.path(), "r/etc/systemd/system/web.service"), uri(folder.path(), "tf/main.tf"));
    assert_eq!(codes(&editor.open(&web, unit)), [""; 0]);
    write("r/etc/default/web", "EBBTIDE_GRACE=60\n");
    assert_eq!(codes(&editor.change(&web, unit)), ["S001"]);
    write("r/etc/systemd/system/web.service.d/stop.conf", "[Service]\nTimeoutStopSec=90\n");
    assert_eq!(codes(&editor.change(&web, unit)), [""; 0]);
    // What is open counts as it is typed.
    let drop_in = uri(folder.path(), "r/etc/systemd/system/web.service.d/stop.conf");
    assert_eq!(codes(&editor.open(&drop_in, "[Service]\nTimeoutStopSec=20\n")), ["S001"]);
    assert_eq!(codes(&editor.change(&drop_in, "[Service]\n")), [""; 0]);
    assert_eq!(codes(&editor.change(&web, unit)), ["S001"]);
    assert_eq!(codes(&editor.open(&main, module)), ["E002"]);
    write("tf/env/prod.tfvars", "stop = 90\n");
    assert_eq!(codes(&editor.change(&main, module)), [""; 0]);
    assert!(editor.end().success());
}

#[test]
fn messages_that_are_not_valid_are_answered_and_do_not_end_the_server() {
    let folder = tempdir().unwrap();
    let mut editor = Editor::start(folder.path());
    assert_eq!(editor.ask("textDocument/rename", json!({}))["error"]["code"], -32601);
    assert_eq!(editor.ask("textDocument/hover", json!({"position": 3}))["error"]["code"], -32602);
    editor.tell("textDocument/didOpen", json!({"textDocument": 3}));
    editor.tell("$/setTrace", json!({"value": "off"}));
    assert_eq!(codes(&editor.open("untitled:Untitled-1", BAD)), ["K001"]);
    assert_eq!(editor.end().code(), Some(0));
    let mut gone = Editor::start(folder.path());
    gone.tell("exit", Value::Null);
    assert_eq!(gone.server.wait().unwrap().code(), Some(1), "an exit without a shutdown");
}

/// A length that no message has is refused before memory is allocated for it: the process would be aborted.
#[test]
fn a_message_of_an_impossible_length_ends_the_server_with_a_message() {
    for (header, said) in [
        ("Content-Length: 100000000000000", "message of 100000000000000 bytes: larger than 64 MiB"),
        ("Content-Length: 18446744073709551615", "message of 18446744073709551615 bytes"),
        ("Content-Length: x", "malformed header `Content-Length: x`"),
    ] {
        let output = ebbtide_with_input(&["language-server"], &format!("{header}\r\n\r\n"));
        assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0), "{header}: {output:?}");
        let error = text(&output.stderr);
        assert!(error.contains("language server protocol: ") && error.contains(said), "{error}");
    }
}

#[test]
fn requests_out_of_order_are_answered_with_an_error() {
    let frame = |message: Value| {
        let text = message.to_string();
        format!("Content-Length: {}\r\n\r\n{text}", text.len())
    };
    let ask =
        |id: u32, method: &str| frame(json!({"jsonrpc": "2.0", "id": id, "method": method, "params": {}}));
    let exit = frame(json!({"jsonrpc": "2.0", "method": "exit"}));
    let input = [
        ask(1, "textDocument/hover"),
        "Content-Length: 1\r\n\r\n{".to_owned(),
        ask(2, "initialize"),
        ask(3, "shutdown"),
        ask(4, "textDocument/hover"),
        exit,
    ];
    let output = ebbtide_with_input(&["language-server"], &input.concat());
    let said = text(&output.stdout);
    let answers: Vec<Value> = said
        .split("Content-Length: ")
        .filter_map(|part| serde_json::from_str(part.split_once("\r\n\r\n")?.1).ok())
        .collect();
    let codes: Vec<(Value, Value)> =
        answers.iter().map(|answer| (answer["id"].clone(), answer["error"]["code"].clone())).collect();
    let (no, id) = (Value::Null, |id: u32| json!(id));
    let expected = [
        (id(1), json!(-32002)),
        (no.clone(), json!(-32700)),
        (id(2), no.clone()),
        (id(3), no.clone()),
        (id(4), json!(-32600)),
    ];
    assert_eq!((output.status.code(), codes.as_slice()), (Some(0), &expected[..]), "{said}");
}
