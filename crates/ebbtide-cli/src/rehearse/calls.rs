//! The calls of gRPC: the messages of `--grpc-message`, and the schema of `--protoset`.

use std::fs;
use std::path::PathBuf;

use clap::Args;
use ebbtide_rehearse::{BadCall, Call, LoadPlan, Schema, Shape};
use thiserror::Error;

use super::args::REQUESTS;

/// What calls of gRPC send.
#[derive(Debug, Args)]
pub(super) struct CallArgs {
    /// Message of the calls of gRPC, as JSON; repeatable with a shape
    ///
    /// In the JSON format of Protobuf, encoded by the type of the method's request. The types are those of --protoset, or else those that the
    /// service itself names (server reflection). `{ms}` is replaced by the duration of a slow request in milliseconds. SHAPE=JSON is for
    /// the calls of one shape of --url alone. Default: a message without fields, or the one in --body-file.
    #[arg(
        long,
        help_heading = REQUESTS,
        value_name = "[SHAPE=]JSON",
        value_parser = message,
        conflicts_with_all = ["demo", "body", "body_file"],
    )]
    pub(super) grpc_message: Vec<ShapeMessage>,

    /// File with the descriptors of the gRPC service
    ///
    /// A FileDescriptorSet, as `protoc --include_imports -o FILE` and `buf build -o FILE` write it. Also without --grpc-message, each call of
    /// --url must be a method of the kind that its shape sends.
    #[arg(long, help_heading = REQUESTS, value_name = "FILE", conflicts_with_all = ["demo", "body", "body_file"])]
    pub(super) protoset: Option<PathBuf>,
}

/// A message, for the calls of one shape or of all.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct ShapeMessage {
    shape: Option<Shape>,
    json: String,
}

/// The options of calls contradict each other, or do not fit the service.
#[derive(Debug, Error)]
pub(crate) enum BadCalls {
    /// A message for no call.
    #[error("{0} is not sent: no route is a call of gRPC")]
    NoCall(&'static str),
    /// A message for a shape that has no call.
    #[error("--grpc-message {0}=… is not sent: its route is no call of gRPC")]
    NoCallOf(Shape),
    /// Two messages for the same calls.
    #[error("--grpc-message was given more than once for the same calls")]
    TwoMessages,
    /// The file of `--protoset` cannot be read.
    #[error("cannot read `{0}` (--protoset): {1}")]
    Unreadable(String, std::io::Error),
    /// The file of `--protoset` is not one.
    #[error("invalid file `{0}` (--protoset): {1}")]
    NotAProtoset(String, BadCall),
    /// A call does not fit the schema.
    #[error(transparent)]
    Call(#[from] BadCall),
}

impl BadCalls {
    /// Returns the text of the `hint:` line.
    pub(super) fn hint(&self) -> &'static str {
        match self {
            Self::NoCall(_) | Self::NoCallOf(_) => {
                "--url SHAPE=GRPC:/PACKAGE.SERVICE/METHOD is a call of gRPC, such as --url keepalive=GRPC:/shop.Orders/Get"
            }
            Self::TwoMessages => "--grpc-message SHAPE=JSON is for the calls of one shape",
            Self::Unreadable(..) => "without --protoset the service is asked for its descriptors",
            Self::NotAProtoset(_, why) | Self::Call(why) => why.hint(),
        }
    }
}

impl CallArgs {
    /// Gives the calls of `plan` their messages, and encodes them if there is a schema.
    pub(super) fn complete(&self, plan: &mut LoadPlan) -> Result<(), BadCalls> {
        let has_call = plan.shapes.iter().any(|plan| plan.is_call());
        match (&*self.grpc_message, &self.protoset) {
            ([], None) => return Ok(()),
            ([], Some(_)) if !has_call => return Err(BadCalls::NoCall("--protoset")),
            _ if !has_call => return Err(BadCalls::NoCall("--grpc-message")),
            _ => {}
        }
        for (at, message) in self.grpc_message.iter().enumerate() {
            if self.grpc_message.iter().take(at).any(|earlier| earlier.shape == message.shape) {
                return Err(BadCalls::TwoMessages);
            }
        }
        let mut messages: Vec<&ShapeMessage> = self.grpc_message.iter().collect();
        // That of one shape replaces that of all.
        messages.sort_by_key(|message| message.shape.is_some());
        for message in messages {
            let mut is_sent = false;
            let calls = plan.shapes.iter_mut().filter(|plan| plan.is_call());
            for plan in calls.filter(|plan| message.shape.is_none_or(|shape| shape == plan.shape())) {
                plan.route_mut().call = Some(Call::json(&message.json));
                is_sent = true;
            }
            if let Some(shape) = message.shape.filter(|_| !is_sent) {
                return Err(BadCalls::NoCallOf(shape));
            }
        }
        match self.schema()? {
            Some(schema) => Ok(plan.resolve(&schema)?),
            None => Ok(()),
        }
    }

    fn schema(&self) -> Result<Option<Schema>, BadCalls> {
        let Some(path) = &self.protoset else { return Ok(None) };
        let name = || path.display().to_string();
        let bytes = fs::read(path).map_err(|error| BadCalls::Unreadable(name(), error))?;
        Schema::from_protoset(&bytes).map(Some).map_err(|why| BadCalls::NotAProtoset(name(), why))
    }
}

/// Parses `JSON` or `SHAPE=JSON`.
fn message(text: &str) -> Result<ShapeMessage, String> {
    let wrong = |why: &str| format!("invalid message `{text}`: {why}");
    let (shape, json) = match text.split_once('=') {
        Some((name, json)) if !name.trim_start().starts_with('{') => {
            let shape = Shape::ALL.into_iter().find(|shape| shape.name() == name);
            (Some(shape.ok_or_else(|| wrong("expected JSON or SHAPE=JSON, with a shape of --url"))?), json)
        }
        _ => (None, text),
    };
    let parsed = serde_json::from_str::<serde_json::Value>(&json.replace("{ms}", "0"));
    match parsed {
        Ok(serde_json::Value::Object(_)) => Ok(ShapeMessage { shape, json: json.to_owned() }),
        Ok(_) => Err(wrong("expected a JSON object")),
        Err(error) => Err(wrong(&format!("expected a JSON object ({error})"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error_form;

    #[test]
    fn a_message_is_json_for_all_calls_or_for_those_of_a_shape() {
        let given = |shape, json: &str| Ok(ShapeMessage { shape, json: json.to_owned() });
        assert_eq!(message(r#"{"a": "b=c"}"#), given(None, r#"{"a": "b=c"}"#));
        assert_eq!(message(r#"slow={"ms": {ms}}"#), given(Some(Shape::Slow), r#"{"ms": {ms}}"#));
        for (text, why) in [
            ("[1]", "expected a JSON object"),
            ("{\"a\": ", "expected a JSON object (EOF while parsing a value at line 1 column 6)"),
            ("unary={}", "expected JSON or SHAPE=JSON, with a shape of --url"),
        ] {
            assert_eq!(message(text), Err(format!("invalid message `{text}`: {why}")));
        }
    }

    #[test]
    fn error_texts_and_hints_have_the_form() {
        let name = || "orders.protoset".to_owned();
        let io = || std::io::ErrorKind::NotFound.into();
        error_form::walk! {
            BadCalls::NoCall(_) => BadCalls::NoCall("--protoset");
            BadCalls::NoCallOf(_) => BadCalls::NoCallOf(Shape::Open);
            BadCalls::TwoMessages => BadCalls::TwoMessages;
            BadCalls::Unreadable(..) => BadCalls::Unreadable(name(), io());
            BadCalls::NotAProtoset(..) => BadCalls::NotAProtoset(name(), BadCall::NoReflection);
            BadCalls::Call(_) => BadCalls::Call(BadCall::NoReflection);
        }
        for error in [
            BadCalls::NoCall("--protoset"),
            BadCalls::TwoMessages,
            BadCalls::Unreadable(name(), io()),
            BadCalls::Call(BadCall::NoReflection),
        ] {
            assert_eq!(error_form::violations(error.hint()), [""; 0], "{error}");
        }
    }
}
