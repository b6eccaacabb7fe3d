//! A call of gRPC: the message that its route sends, and the kind of its method.

use std::fmt;

use bytes::{BufMut, Bytes, BytesMut};
use prost::Message;
use prost_reflect::{DynamicMessage, MessageDescriptor, MethodDescriptor};
use serde_path_to_error::Track;

use super::{BadCall, Schema};
use crate::record::Shape;

/// The message of a call of gRPC. The default is the body of the requests, which then has its length prefix, or else an empty message.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Call {
    json: Option<String>,
    /// The type of the message, once it is known.
    input: Option<MessageDescriptor>,
    /// The message with its length prefix; empty if it is not known.
    encoded: Bytes,
}

/// What is replaced by the duration of a request in milliseconds.
const MS: &str = "{ms}";

impl Call {
    /// Creates a call whose message is `json`, in the JSON format of Protobuf. `{ms}` is replaced by the duration of a slow request in
    /// milliseconds. A [`Schema`] encodes it: that of [`LoadPlan::resolve`](super::LoadPlan::resolve), or else that of the service's own
    /// server reflection.
    pub fn json(json: &str) -> Self {
        Self { json: Some(json.to_owned()), ..Self::default() }
    }

    /// Creates a call with a message that has its length prefix.
    pub(crate) fn encoded(message: &impl Message) -> Self {
        Self { encoded: prefixed(message), ..Self::default() }
    }

    /// Returns whether a schema has to encode its message.
    pub(crate) fn needs_schema(&self) -> bool {
        self.json.is_some() && self.input.is_none()
    }

    /// Encodes the message for the method at `path` as `schema` has it, which is to be of the kind that `shape` sends. Without JSON it is an
    /// empty message.
    ///
    /// # Errors
    ///
    /// There is no such method, it is of another kind, or the JSON does not fit its type.
    pub(crate) fn resolve(&mut self, schema: &Schema, path: &str, shape: Shape) -> Result<(), BadCall> {
        let method = schema.method(path)?;
        let kind = CallKind::of_method(&method);
        if kind != CallKind::of_shape(shape) {
            return Err(BadCall::Kind { method: method.full_name().to_owned(), kind, shape });
        }
        let (json, input) = (self.json.get_or_insert_with(|| "{}".to_owned()), method.input());
        self.encoded = encode(json, 0, &input)?;
        self.input = Some(input);
        Ok(())
    }

    /// Returns whether the duration of a slow request is a part of its message.
    pub(crate) fn has_ms(&self) -> bool {
        self.json.as_ref().is_some_and(|json| json.contains(MS))
    }

    /// Returns the message with its length prefix, for a request that takes `ms` milliseconds. `None`: that of the template.
    pub(crate) fn message(&self, ms: u64) -> Option<Bytes> {
        let timed = match (&self.json, &self.input) {
            (Some(json), Some(input)) if self.has_ms() => encode(json, ms, input).ok(),
            _ => None,
        };
        timed.or_else(|| Some(self.encoded.clone()).filter(|message| !message.is_empty()))
    }
}

/// Encodes `json` as a message of the type `input`.
fn encode(json: &str, ms: u64, input: &MessageDescriptor) -> Result<Bytes, BadCall> {
    let json = json.replace(MS, &ms.to_string());
    let mut reader = serde_json::Deserializer::from_str(&json);
    let mut track = Track::new();
    let tracked = serde_path_to_error::Deserializer::new(&mut reader, &mut track);
    let message = DynamicMessage::deserialize(input.clone(), tracked);
    let message = message.and_then(|message| reader.end().map(|()| message));
    message.map(|message| prefixed(&message)).map_err(|why| {
        let (path, input) = (track.path().to_string(), input.full_name());
        let place = if path == "." { input.to_owned() } else { format!("{input}, field `{path}`") };
        BadCall::Message { place, why: why.to_string() }
    })
}

/// Returns `message` with its length prefix: not compressed, and its length.
fn prefixed(message: &impl Message) -> Bytes {
    let body = message.encode_to_vec();
    let mut bytes = BytesMut::with_capacity(body.len().saturating_add(5));
    bytes.put_u8(0);
    bytes.put_u32(u32::try_from(body.len()).unwrap_or(u32::MAX));
    bytes.extend_from_slice(&body);
    bytes.freeze()
}

/// The kind of a method of gRPC.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CallKind {
    /// One message, and one as the response.
    Unary,
    /// The response is a stream of messages.
    ServerStream,
    /// The request is a stream of messages.
    ClientStream,
    /// Both are.
    BidiStream,
}

impl CallKind {
    /// Returns the kind of the calls of `shape`.
    fn of_shape(shape: Shape) -> Self {
        match shape {
            Shape::Events => Self::ServerStream,
            Shape::ClientStream => Self::ClientStream,
            Shape::BidiStream => Self::BidiStream,
            _ => Self::Unary,
        }
    }

    /// Returns the shapes that send calls of this kind, the usual ones of a load first.
    pub fn shapes(self) -> &'static [Shape] {
        match self {
            Self::Unary => &[Shape::Storm, Shape::Keepalive, Shape::Open, Shape::Slow],
            Self::ServerStream => &[Shape::Events],
            Self::ClientStream => &[Shape::ClientStream],
            Self::BidiStream => &[Shape::BidiStream],
        }
    }

    pub(super) fn of_method(method: &MethodDescriptor) -> Self {
        match (method.is_client_streaming(), method.is_server_streaming()) {
            (false, false) => Self::Unary,
            (false, true) => Self::ServerStream,
            (true, false) => Self::ClientStream,
            (true, true) => Self::BidiStream,
        }
    }

    /// Returns the advice for the user: the shape of its calls.
    pub(super) fn hint(self) -> &'static str {
        match self {
            Self::Unary => {
                "storm, keepalive, slow and open send unary calls: --url keepalive=GRPC:/PACKAGE.SERVICE/METHOD"
            }
            Self::ServerStream => {
                "events keeps server streams open: --url events=GRPC:/PACKAGE.SERVICE/METHOD"
            }
            Self::ClientStream => {
                "client-stream sends messages to it: --url client-stream=/PACKAGE.SERVICE/METHOD"
            }
            Self::BidiStream => {
                "bidi-stream exchanges messages with it: --url bidi-stream=/PACKAGE.SERVICE/METHOD"
            }
        }
    }
}

impl fmt::Display for CallKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unary => "unary",
            Self::ServerStream => "server-streaming",
            Self::ClientStream => "client-streaming",
            Self::BidiStream => "bidirectional streaming",
        })
    }
}

#[cfg(test)]
mod tests {
    use prost_reflect::prost_types::field_descriptor_proto::{Label, Type};
    use prost_reflect::prost_types::{
        DescriptorProto, FieldDescriptorProto, FileDescriptorProto, MethodDescriptorProto,
        ServiceDescriptorProto,
    };

    use super::*;

    /// The schema of `service Orders { rpc Get(Order) returns (Order); }` in the package `shop`.
    fn schema() -> Schema {
        let field = FieldDescriptorProto {
            name: Some("id".into()),
            number: Some(1),
            label: Some(Label::Optional.into()),
            r#type: Some(Type::Uint64.into()),
            ..FieldDescriptorProto::default()
        };
        let line = FieldDescriptorProto {
            name: Some("lines".into()),
            number: Some(2),
            label: Some(Label::Repeated.into()),
            r#type: Some(Type::Message.into()),
            type_name: Some(".shop.Order".into()),
            ..FieldDescriptorProto::default()
        };
        let order = DescriptorProto {
            name: Some("Order".into()),
            field: vec![field, line],
            ..DescriptorProto::default()
        };
        let get = MethodDescriptorProto {
            name: Some("Get".into()),
            input_type: Some(".shop.Order".into()),
            output_type: Some(".shop.Order".into()),
            ..MethodDescriptorProto::default()
        };
        let orders = ServiceDescriptorProto {
            name: Some("Orders".into()),
            method: vec![get],
            ..ServiceDescriptorProto::default()
        };
        let file = FileDescriptorProto {
            name: Some("shop.proto".into()),
            package: Some("shop".into()),
            message_type: vec![order],
            service: vec![orders],
            syntax: Some("proto3".into()),
            ..FileDescriptorProto::default()
        };
        Schema::from_files([file]).unwrap()
    }

    fn resolved(json: &str) -> Result<Call, BadCall> {
        let mut call = Call::json(json);
        call.resolve(&schema(), "/shop.Orders/Get", Shape::Open).map(|()| call)
    }

    #[test]
    fn a_message_is_encoded_with_its_length_and_the_time_of_its_request() {
        let call = resolved(r#"{"id": "7"}"#).unwrap();
        assert_eq!(call.message(900).unwrap(), b"\0\0\0\0\x02\x08\x07"[..]);
        let call = resolved(r#"{"id": "{ms}"}"#).unwrap();
        assert_eq!(call.message(0).unwrap(), [0; 5][..]);
        assert_eq!(call.message(5).unwrap(), b"\0\0\0\0\x02\x08\x05"[..]);
        assert_eq!((Call::default().message(0), Call::json("{}").message(0)), (None, None));
        let mut call = Call::default();
        call.resolve(&schema(), "/shop.Orders/Get", Shape::Slow).unwrap();
        assert_eq!(call.message(0).unwrap(), [0; 5][..]);
    }

    #[test]
    fn each_shape_of_a_kind_sends_its_calls() {
        use CallKind::{BidiStream, ClientStream, ServerStream, Unary};
        for kind in [Unary, ServerStream, ClientStream, BidiStream] {
            assert!(kind.shapes().iter().all(|shape| CallKind::of_shape(*shape) == kind), "{kind}");
        }
    }

    #[test]
    fn json_that_does_not_fit_names_the_field() {
        let why = |json| resolved(json).unwrap_err().to_string();
        for (json, text) in [
            (r#"{"id": "x"}"#, "invalid message of shop.Order, field `id`: "),
            (r#"{"lines": [{}, {"id": -1}]}"#, "invalid message of shop.Order, field `lines[1].id`: "),
            (r#"{"lines": {}}"#, "invalid message of shop.Order, field `lines`: "),
            (r#"{"name": 1}"#, "invalid message of shop.Order"),
        ] {
            assert!(why(json).starts_with(text), "{}", why(json));
        }
        assert!(why(r#"{"name": 1}"#).contains("name"), "{}", why(r#"{"name": 1}"#));
    }
}
