//! Generates the gRPC service of `src/streaming.rs`, client and server, without protoc.

use tonic_build::manual::{Builder, Method, Service};

fn main() {
    let method = |name: &str, route: &str| {
        let number = "crate::streaming::Number";
        let method = Method::builder().name(name).route_name(route).input_type(number).output_type(number);
        method.codec_path("tonic_prost::ProstCodec")
    };
    let service = Service::builder()
        .name("Kinds")
        .package("kinds")
        .method(method("double", "Double").build())
        .method(method("count", "Count").server_streaming().build())
        .method(method("sum", "Sum").client_streaming().build())
        .method(method("echo", "Echo").client_streaming().server_streaming().build());
    Builder::new().compile(&[service.build()]);
    println!("cargo::rerun-if-changed=build.rs");
}
