//! The descriptors of the gRPC service in `streaming`, which is written without protoc.

use prost::Message as _;
use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{
    DescriptorProto, FieldDescriptorProto, FileDescriptorProto, FileDescriptorSet, MethodDescriptorProto,
    ServiceDescriptorProto,
};

/// Returns the encoded `FileDescriptorSet` of the service `kinds.Kinds`: its file imports the one of its message.
pub fn kinds_protoset() -> Vec<u8> {
    let field = |name: &str, number| FieldDescriptorProto {
        name: Some(name.into()),
        number: Some(number),
        label: Some(Label::Optional.into()),
        r#type: Some(Type::Uint64.into()),
        ..FieldDescriptorProto::default()
    };
    let number = DescriptorProto {
        name: Some("Number".into()),
        field: vec![field("value", 1), field("ms", 2)],
        ..DescriptorProto::default()
    };
    let method = |name: &str, from_client, from_server| MethodDescriptorProto {
        name: Some(name.into()),
        input_type: Some(".kinds.Number".into()),
        output_type: Some(".kinds.Number".into()),
        client_streaming: Some(from_client),
        server_streaming: Some(from_server),
        ..MethodDescriptorProto::default()
    };
    let service = ServiceDescriptorProto {
        name: Some("Kinds".into()),
        method: vec![
            method("Double", false, false),
            method("Count", false, true),
            method("Sum", true, false),
            method("Echo", true, true),
        ],
        ..ServiceDescriptorProto::default()
    };
    let file = |name: &str| FileDescriptorProto {
        name: Some(name.into()),
        package: Some("kinds".into()),
        syntax: Some("proto3".into()),
        ..FileDescriptorProto::default()
    };
    let types = FileDescriptorProto { message_type: vec![number], ..file("number.proto") };
    let services = FileDescriptorProto {
        dependency: vec!["number.proto".into()],
        service: vec![service],
        ..file("kinds.proto")
    };
    FileDescriptorSet { file: vec![types, services] }.encode_to_vec()
}
