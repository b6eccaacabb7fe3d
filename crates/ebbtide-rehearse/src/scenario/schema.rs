//! The services, methods and types that messages of gRPC are encoded by.

use prost_reflect::prost_types::FileDescriptorProto;
use prost_reflect::prost_types::method_options::IdempotencyLevel;
use prost_reflect::{DescriptorPool, MethodDescriptor};
use thiserror::Error;

use super::CallKind;
use crate::record::Shape;

/// The services of a gRPC server, with the types of their messages.
#[derive(Clone, Debug)]
pub struct Schema(DescriptorPool);

impl Schema {
    /// Decodes a `FileDescriptorSet`, as `protoc --include_imports -o FILE` and `buf build -o FILE` write it.
    ///
    /// # Errors
    ///
    /// The bytes are not one, or it is not complete.
    pub fn from_protoset(bytes: &[u8]) -> Result<Self, BadCall> {
        let pool = DescriptorPool::decode(bytes).map_err(|error| BadCall::Descriptors(error.to_string()))?;
        if pool.files().len() == 0 {
            return Err(BadCall::Descriptors("no file descriptor".to_owned()));
        }
        Ok(Self(pool))
    }

    /// Creates the schema of `files`, in any order.
    pub(crate) fn from_files(files: impl IntoIterator<Item = FileDescriptorProto>) -> Result<Self, BadCall> {
        let mut pool = DescriptorPool::new();
        let added = pool.add_file_descriptor_protos(files);
        added.map(|()| Self(pool)).map_err(|error| BadCall::Descriptors(error.to_string()))
    }

    /// Returns the methods of `service`, in the order of their file; none if it is not known.
    pub(crate) fn methods(&self, service: &str) -> Vec<DescribedMethod> {
        let service = self.0.get_service_by_name(service);
        let methods = service.iter().flat_map(|service| service.methods().map(DescribedMethod::new));
        methods.collect()
    }

    /// Returns the method at `path`, which is `/SERVICE/METHOD`.
    pub(crate) fn method(&self, path: &str) -> Result<MethodDescriptor, BadCall> {
        let (service, method) = service_and_method(path).unwrap_or((path, ""));
        let Some(found) = self.0.get_service_by_name(service) else {
            let known = self.0.services().map(|service| service.full_name().to_owned()).collect();
            return Err(BadCall::Service { name: service.to_owned(), known: Known(known) });
        };
        let known = || Known(found.methods().map(|method| method.name().to_owned()).collect());
        let found_method = found.methods().find(|known| known.name() == method);
        found_method.ok_or_else(|| BadCall::Method {
            service: service.to_owned(),
            name: method.to_owned(),
            known: known(),
        })
    }
}

/// A method of gRPC, by its descriptor.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct DescribedMethod {
    /// As in the path of its calls.
    pub(crate) path: String,
    pub(crate) name: String,
    pub(crate) kind: CallKind,
    /// Its file says that it has no side effects.
    pub(crate) safe: bool,
}

impl DescribedMethod {
    fn new(method: MethodDescriptor) -> Self {
        let options = method.method_descriptor_proto().options.as_ref();
        Self {
            path: format!("/{}/{}", method.parent_service().full_name(), method.name()),
            name: method.name().to_owned(),
            kind: CallKind::of_method(&method),
            safe: options
                .is_some_and(|options| options.idempotency_level() == IdempotencyLevel::NoSideEffects),
        }
    }
}

/// Splits `/SERVICE/METHOD`. A service behind a prefix is not what its name says, and so is none.
pub(crate) fn service_and_method(path: &str) -> Option<(&str, &str)> {
    let (service, method) = path.strip_prefix('/')?.split_once('/')?;
    let is_name = |name: &str| !name.is_empty() && !name.contains(['/', '?', '#']);
    (is_name(service) && is_name(method)).then_some((service, method))
}

/// Why the messages of a call cannot be encoded.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum BadCall {
    /// The descriptors are not valid or not complete.
    #[error("invalid descriptors: {0}")]
    Descriptors(String),
    /// There is no such service.
    #[error("unknown service `{name}`: {known}")]
    Service {
        /// The name in the route.
        name: String,
        /// The services that there are.
        known: Known,
    },
    /// The service has no such method.
    #[error("unknown method `{name}` of `{service}`: {known}")]
    Method {
        /// The service.
        service: String,
        /// The name in the route.
        name: String,
        /// The methods that there are.
        known: Known,
    },
    /// The method is of another kind than the calls of its shape.
    #[error("`{method}` is a {kind} method, which {shape} does not send")]
    Kind {
        /// The name of the method with its service.
        method: String,
        /// Its kind.
        kind: CallKind,
        /// The shape.
        shape: Shape,
    },
    /// The JSON does not fit the type of the message.
    #[error("invalid message of {place}: {why}")]
    Message {
        /// The type, and the field.
        place: String,
        /// Why not.
        why: String,
    },
    /// The service does not describe itself.
    #[error("no server reflection")]
    NoReflection,
    /// Its server reflection failed.
    #[error("server reflection failed: {0}")]
    Reflection(String),
}

impl BadCall {
    /// Returns the advice for the user.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Descriptors(_) => {
                "`protoc --include_imports -o FILE` and `buf build -o FILE` write a FileDescriptorSet for --protoset"
            }
            Self::Service { .. } | Self::Method { .. } => {
                "the path of a call is /PACKAGE.SERVICE/METHOD, with the names of the .proto file"
            }
            Self::Kind { kind, .. } => kind.hint(),
            Self::Message { .. } => "--grpc-message takes the JSON format of Protobuf: {\"id\": 7}",
            Self::NoReflection | Self::Reflection(_) => {
                "--protoset FILE describes the service instead: `protoc --include_imports -o FILE`, or `buf build -o FILE`"
            }
        }
    }
}

/// Names that there are, for display.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Known(pub Vec<String>);

impl std::fmt::Display for Known {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        /// More names would hide the error.
        const SHOWN: usize = 12;
        let (names, more) = self.0.split_at(self.0.len().min(SHOWN));
        match (names, more.len()) {
            ([], _) => f.write_str("there are none"),
            (names, 0) => write!(f, "known: {}", names.join(", ")),
            (names, more) => write!(f, "known: {} and {more} more", names.join(", ")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error_form;

    #[test]
    fn error_texts_and_hints_have_the_form() {
        let name = || "shop.Orders".to_owned();
        let known = || Known(vec!["Get".to_owned()]);
        let kind = |kind| BadCall::Kind { method: name(), kind, shape: Shape::Open };
        error_form::walk! {
            BadCall::Descriptors(_) => BadCall::Descriptors("no file descriptor".to_owned());
            BadCall::Service { .. } => BadCall::Service { name: name(), known: known() };
            BadCall::Method { .. } => BadCall::Method { service: name(), name: "Set".to_owned(), known: Known(Vec::new()) };
            BadCall::Kind { .. } => kind(CallKind::Unary), kind(CallKind::BidiStream);
            BadCall::Message { .. } => BadCall::Message { place: name(), why: "expected a number".to_owned() };
            BadCall::NoReflection => BadCall::NoReflection;
            BadCall::Reflection(_) => BadCall::Reflection("connection refused".to_owned());
        }
        let kinds = [CallKind::Unary, CallKind::ServerStream, CallKind::ClientStream, CallKind::BidiStream];
        let others = [
            BadCall::Descriptors(name()),
            BadCall::Service { name: name(), known: known() },
            BadCall::Message { place: name(), why: name() },
            BadCall::NoReflection,
        ];
        for error in kinds.map(kind).iter().chain(&others) {
            assert_eq!(error_form::violations(error.hint()), [""; 0], "{error}");
        }
    }

    #[test]
    fn a_path_names_a_service_and_a_method() {
        assert_eq!(service_and_method("/shop.Orders/Get"), Some(("shop.Orders", "Get")));
        for path in
            ["shop.Orders/Get", "/shop.Orders", "/shop.Orders/", "//Get", "/api/shop.Orders/Get", "/a/b?c"]
        {
            assert_eq!(service_and_method(path), None, "{path}");
        }
    }

    #[test]
    fn of_many_names_some_are_shown() {
        let names = (0..20).map(|number| format!("S{number}")).collect();
        assert!(Known(names).to_string().ends_with(", S10, S11 and 8 more"));
    }
}
