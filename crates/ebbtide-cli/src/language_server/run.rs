//! The conversation with the editor.

use clap::Args;
use lsp_server::{Connection, ErrorCode, Message, Notification, Request, Response};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::answers::{diagnostics, fixes, hover};
use super::protocol::{About, At, Changed, Opened, Within};
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

/// The editor has disconnected, or speaks another protocol.
type Ended = Box<dyn std::error::Error + Send + Sync>;

/// Runs `ebbtide language-server`.
pub(crate) fn run(_args: &LanguageServerArgs) -> Ending {
    let (connection, threads) = Connection::stdio();
    let ending = converse(&connection);
    // The thread that writes ends when no message can come any more.
    drop(connection);
    match ending.and_then(|ending| Ok(threads.join().map(|()| ending)?)) {
        Ok(ending) => ending,
        Err(error) => {
            complain(&format!("language server protocol: {error}"), None);
            Ending::Failed
        }
    }
}

fn converse(connection: &Connection) -> Result<Ending, Ended> {
    let capabilities = json!({
        // Each change has the whole text.
        "textDocumentSync": {"openClose": true, "change": 1, "save": {}},
        "hoverProvider": true,
        "codeActionProvider": {"codeActionKinds": ["quickfix"]},
    });
    connection.initialize(capabilities)?;
    let mut workspace = Workspace::default();
    for message in &connection.receiver {
        match message {
            Message::Request(request) => {
                if connection.handle_shutdown(&request)? {
                    return Ok(Ending::Passed);
                }
                connection.sender.send(answer(&workspace, request).into())?;
            }
            // An exit that no shutdown came before is a failure by the protocol.
            Message::Notification(notification) if notification.method == "exit" => {
                return Ok(Ending::Failed);
            }
            Message::Notification(notification) => notified(connection, &mut workspace, notification)?,
            Message::Response(_) => {}
        }
    }
    Ok(Ending::Passed)
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

fn notified(
    connection: &Connection,
    workspace: &mut Workspace,
    notification: Notification,
) -> Result<(), Ended> {
    let News { address, is_typed } = match take(workspace, notification) {
        Ok(Some(news)) => news,
        Ok(None) => return Ok(()),
        Err(error) => {
            complain(&format!("notification that is not valid: {error}"), None);
            return Ok(());
        }
    };
    if !workspace.has(&address) {
        publish(connection, &address, &json!([]))?;
    }
    let checked = workspace.check(&address);
    for open in workspace.beside(&address) {
        publish(connection, open, &diagnostics(&checked, open))?;
    }
    match checked.problem {
        Some(problem) if !is_typed => {
            send(connection, "window/showMessage", json!({"type": 1, "message": problem}))
        }
        _ => Ok(()),
    }
}

fn publish(connection: &Connection, address: &str, diagnostics: &Value) -> Result<(), Ended> {
    let params = json!({"uri": address, "diagnostics": diagnostics});
    send(connection, "textDocument/publishDiagnostics", params)
}

fn send(connection: &Connection, method: &str, params: Value) -> Result<(), Ended> {
    Ok(connection.sender.send(Notification { method: method.to_owned(), params }.into())?)
}

fn read<T: DeserializeOwned>(params: Value) -> Result<T, serde_json::Error> {
    serde_json::from_value(params)
}
