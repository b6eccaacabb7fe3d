//! The conversation with the editor.

use std::io::{self, BufRead, Write};

use clap::Args;
use lsp_server::{ErrorCode, Message, Notification, Request, Response};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::answers::{diagnostics, fixes, hover};
use super::protocol::{About, At, Changed, Opened, Within};
use super::wire::{BadFrame, Wire};
use super::workspace::Workspace;
use crate::exit::Ending;
use crate::output::complain;

/// Show the findings of `check` in an editor, by the language server protocol
///
/// An editor starts it and speaks to it over standard input and output. It checks each open file together with the other
/// deployment files of its folder: findings are diagnostics, the edits of --fix are quick fixes, and the hover text of a
/// workload is the sum of its budget. The settings are those of ebbtide.toml. No other file is read, and none is written.
#[derive(Debug, Args)]
pub(crate) struct LanguageServerArgs {}

/// Runs `ebbtide language-server`.
pub(crate) fn run(_args: &LanguageServerArgs) -> Ending {
    let mut wire = Wire::new(io::stdin().lock(), io::stdout().lock());
    converse(&mut wire).unwrap_or_else(|error| {
        complain(&format!("language server protocol: {error}"), None);
        Ending::Usage
    })
}

/// Reads and answers messages until the editor says `exit` or has disconnected. An exit that no shutdown came before is a failure by the
/// protocol.
fn converse<R: BufRead, W: Write>(wire: &mut Wire<R, W>) -> Result<Ending, BadFrame> {
    let mut workspace = Workspace::default();
    let mut stage = Stage::Begin;
    while let Some(message) = wire.receive()? {
        match message {
            Message::Request(Request { id, method, .. })
                if method == "initialize" && stage == Stage::Begin =>
            {
                wire.send(Response::new_ok(id, json!({"capabilities": capabilities()})))?;
                stage = Stage::Running;
            }
            Message::Request(Request { id, method, .. })
                if method == "shutdown" && stage == Stage::Running =>
            {
                wire.send(Response::new_ok(id, Value::Null))?;
                stage = Stage::ShutDown;
            }
            Message::Request(request) => match stage {
                Stage::Begin => wire.send(refused(request, ErrorCode::ServerNotInitialized))?,
                Stage::Running => wire.send(answer(&workspace, request))?,
                Stage::ShutDown => wire.send(refused(request, ErrorCode::InvalidRequest))?,
            },
            Message::Notification(notification) if notification.method == "exit" => {
                return Ok(if stage == Stage::ShutDown { Ending::Passed } else { Ending::Failed });
            }
            Message::Notification(notification) if stage == Stage::Running => {
                notified(wire, &mut workspace, notification)?;
            }
            Message::Notification(_) | Message::Response(_) => {}
        }
    }
    Ok(Ending::Passed)
}

/// How far the conversation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Before `initialize`.
    Begin,
    Running,
    /// After `shutdown`.
    ShutDown,
}

fn capabilities() -> Value {
    json!({
        // Each change has the whole text.
        "textDocumentSync": {"openClose": true, "change": 1, "save": {}},
        "hoverProvider": true,
        "codeActionProvider": {"codeActionKinds": ["quickfix"]},
    })
}

fn refused(Request { id, method, .. }: Request, code: ErrorCode) -> Response {
    let message = match code {
        ErrorCode::ServerNotInitialized => format!("{method} before initialize"),
        _ => format!("{method} after shutdown"),
    };
    Response::new_err(id, code as i32, message)
}

fn answer(workspace: &Workspace, Request { id, method, params }: Request) -> Response {
    let result = match method.as_str() {
        "textDocument/hover" => read(params).map(|At { text_document, position }| {
            let (timelines, own) = workspace.timelines(&text_document.uri);
            own.and_then(|own| hover(&timelines, own, position)).unwrap_or_default()
        }),
        "textDocument/codeAction" => read(params).map(|Within { text_document, range }| {
            fixes(&workspace.check(&text_document.uri), &text_document.uri, range)
        }),
        _ => {
            let message = format!("no method {method}");
            return Response::new_err(id, ErrorCode::MethodNotFound as i32, message);
        }
    };
    match result {
        Ok(result) => Response::new_ok(id, result),
        Err(error) => Response::new_err(id, ErrorCode::InvalidParams as i32, error.to_string()),
    }
}

/// What a notification was about.
struct News {
    address: String,
    /// Whether the text is only being typed.
    is_typed: bool,
}

/// Takes a notification into the workspace. `None` for one that changes nothing.
fn take(
    workspace: &mut Workspace,
    Notification { method, params }: Notification,
) -> Result<Option<News>, serde_json::Error> {
    let address = match method.as_str() {
        "textDocument/didOpen" => {
            let Opened { text_document } = read(params)?;
            workspace.set(text_document.uri.clone(), text_document.text);
            text_document.uri
        }
        "textDocument/didChange" => {
            let Changed { text_document, mut content_changes } = read(params)?;
            if let Some(last) = content_changes.pop() {
                workspace.set(text_document.uri.clone(), last.text);
            }
            text_document.uri
        }
        "textDocument/didSave" => read::<About>(params)?.text_document.uri,
        "textDocument/didClose" => {
            let About { text_document } = read(params)?;
            workspace.close(&text_document.uri);
            text_document.uri
        }
        _ => return Ok(None),
    };
    Ok(Some(News { address, is_typed: method == "textDocument/didChange" }))
}

fn notified<R: BufRead, W: Write>(
    wire: &mut Wire<R, W>,
    workspace: &mut Workspace,
    notification: Notification,
) -> io::Result<()> {
    let News { address, is_typed } = match take(workspace, notification) {
        Ok(Some(news)) => news,
        Ok(None) => return Ok(()),
        Err(error) => {
            complain(&format!("notification that is not valid: {error}"), None);
            return Ok(());
        }
    };
    if !workspace.has(&address) {
        publish(wire, &address, &json!([]))?;
    }
    let checked = workspace.check(&address);
    for open in workspace.beside(&address) {
        publish(wire, open, &diagnostics(&checked, open))?;
    }
    match checked.problem {
        Some(problem) if !is_typed => {
            send(wire, "window/showMessage", json!({"type": 1, "message": problem}))
        }
        _ => Ok(()),
    }
}

fn publish<R: BufRead, W: Write>(
    wire: &mut Wire<R, W>,
    address: &str,
    diagnostics: &Value,
) -> io::Result<()> {
    let params = json!({"uri": address, "diagnostics": diagnostics});
    send(wire, "textDocument/publishDiagnostics", params)
}

fn send<R: BufRead, W: Write>(wire: &mut Wire<R, W>, method: &str, params: Value) -> io::Result<()> {
    wire.send(Notification { method: method.to_owned(), params })
}

fn read<T: DeserializeOwned>(params: Value) -> Result<T, serde_json::Error> {
    serde_json::from_value(params)
}
