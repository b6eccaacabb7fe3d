//! Asks a service for its schema (server reflection of gRPC), before the load begins.

use std::collections::BTreeMap;
use std::time::Duration;

use http::Method;
use prost::Message;
use prost_reflect::prost_types::FileDescriptorProto;
use tokio::time::timeout;

use super::place::address_of;
use super::record::{Answer, Outcome};
use super::scenario::{BadCall, Call, Known, LoadPlan, Route, Schema, service_and_method};
use super::trouble::NotRehearsed;
use super::wire::{Address, Connection, Exchange, NoConnection, RequestSpec};
use crate::clock::At;
use crate::words;

/// The versions of the service that is asked, in the order in which they are tried.
const VERSIONS: [&str; 2] = ["grpc.reflection.v1", "grpc.reflection.v1alpha"];
/// The timeout of one question.
const ASKED: Duration = Duration::from_secs(5);

const NOT_FOUND: u16 = 5;
const UNIMPLEMENTED: u16 = 12;

/// Encodes the messages of the calls of `plan` that have no schema yet, by the reflection of the service at their address. Nothing of it
/// is part of the load.
pub(super) async fn resolve(plan: &mut LoadPlan, home: &Address) -> Result<(), NotRehearsed> {
    for shape in &mut plan.shapes {
        let route = shape.route();
        if !route.call.as_ref().is_some_and(Call::needs_schema) {
            continue;
        }
        let to = address_of(shape, home).await?;
        let resolved = match schema(&to, &route.path).await {
            Ok(schema) => shape.resolve(&schema),
            Err(why) => Err(why),
        };
        resolved.map_err(|why| NotRehearsed::Call { at: to.authority, why })?;
    }
    Ok(())
}

/// Returns the schema of the service in `path`, as the service at `to` describes it.
async fn schema(to: &Address, path: &str) -> Result<Schema, BadCall> {
    let service = service_and_method(path).map_or(path, |(service, _)| service);
    let mut last = BadCall::NoReflection;
    for version in VERSIONS {
        let asked = Reflection { to, version };
        match asked.files(service).await {
            Ok(files) => return Schema::from_files(files),
            Err(NoFiles::NoSuchVersion) => {}
            Err(NoFiles::NoSuchSymbol) => {
                let known = asked.services().await.unwrap_or_default();
                last = BadCall::Service { name: service.to_owned(), known: Known(known) };
            }
            Err(NoFiles::Failed(why)) => last = BadCall::Reflection(why),
        }
        if last != BadCall::NoReflection {
            break;
        }
    }
    Err(last)
}

/// A version of server reflection at an address.
struct Reflection<'a> {
    to: &'a Address,
    version: &'static str,
}

/// Why there are no descriptors.
enum NoFiles {
    /// The service does not have this version of reflection.
    NoSuchVersion,
    /// The service knows no such service.
    NoSuchSymbol,
    Failed(String),
}

impl Reflection<'_> {
    /// Returns the file that defines `service`, and every file that it imports.
    async fn files(&self, service: &str) -> Result<Vec<FileDescriptorProto>, NoFiles> {
        let mut files = BTreeMap::new();
        let mut questions = vec![ReflectionRequest::of_symbol(service)];
        while let Some(question) = questions.pop() {
            if question.file.as_ref().is_some_and(|name| files.contains_key(name)) {
                continue;
            }
            for file in self.ask(&question).await?.file.unwrap_or_default().files {
                let file = FileDescriptorProto::decode(&*file)
                    .map_err(|error| NoFiles::Failed(format!("invalid file descriptor: {error}")))?;
                // Some services send the imports as well.
                questions.extend(file.dependency.iter().map(|name| ReflectionRequest::of_file(name)));
                files.insert(file.name().to_owned(), file);
            }
            if let Some(name) = question.file.filter(|name| !files.contains_key(name)) {
                return Err(NoFiles::Failed(format!("`{name}`, which the service imports, is missing")));
            }
        }
        Ok(files.into_values().collect())
    }

    /// Returns the names of the services.
    async fn services(&self) -> Option<Vec<String>> {
        let response = self
            .ask(&ReflectionRequest { list: Some(String::new()), ..ReflectionRequest::default() })
            .await
            .ok()?;
        Some(response.list.unwrap_or_default().services.into_iter().map(|service| service.name).collect())
    }

    /// Asks one question, on a connection of its own.
    async fn ask(&self, question: &ReflectionRequest) -> Result<ReflectionResponse, NoFiles> {
        let failed = |why: &str| NoFiles::Failed(why.to_owned());
        let (answer, body) =
            timeout(ASKED, self.exchange(question)).await.map_err(|_| failed("no response in time"))??;
        match answer.grpc_status {
            None if answer.open_grpc => Err(failed("response without a status")),
            // A server of HTTP.
            None => Err(NoFiles::NoSuchVersion),
            Some(UNIMPLEMENTED) => Err(NoFiles::NoSuchVersion),
            Some(NOT_FOUND) => Err(NoFiles::NoSuchSymbol),
            Some(0) if answer.length != body.len() as u64 => Err(failed("response longer than 16 MiB")),
            Some(0) => {
                let response = message(&body).and_then(|message| ReflectionResponse::decode(message).ok());
                let response = response.ok_or_else(|| failed("response without a message"))?;
                match &response.error {
                    Some(error) if error.code == i32::from(NOT_FOUND) => Err(NoFiles::NoSuchSymbol),
                    Some(error) => Err(NoFiles::Failed(error.text.clone())),
                    None => Ok(response),
                }
            }
            Some(code) => Err(NoFiles::Failed(format!("gRPC status {}", words::grpc_status(code)))),
        }
    }

    async fn exchange(&self, question: &ReflectionRequest) -> Result<(Answer, Vec<u8>), NoFiles> {
        let failed = |why: &str| NoFiles::Failed(why.to_owned());
        let path = format!("/{}.ServerReflection/ServerReflectionInfo", self.version);
        let call = Some(Call::encoded(question));
        let route = Route { method: Method::POST, call, ..Route::get(&path) };
        let request = RequestSpec::plain(&route).request(self.to, None);
        let request = request.map_err(|error| NoFiles::Failed(error.to_string()))?;
        let opened = Connection::open(self.to, At::default()).await;
        let mut connection = opened.map_err(|none| match none {
            NoConnection::Outcome(Outcome::Refused) => failed("connection refused"),
            NoConnection::Tls(failure) => NoFiles::Failed(failure.to_string()),
            NoConnection::Outcome(_) | NoConnection::Trouble(_) => failed("no connection"),
        })?;
        let Exchange::Ended(seen) = connection.exchange(request, true).await else {
            return Err(failed("connection closed"));
        };
        match seen.outcome {
            Outcome::Answered { .. } => {}
            Outcome::Malformed => return Err(failed("response is not HTTP/2")),
            _ => return Err(failed("connection closed without a response")),
        }
        let answer = seen.answer.ok_or_else(|| failed("no response"))?;
        connection.let_peer_close().await;
        Ok((answer, seen.body))
    }
}

/// Returns the first message of a body: behind a flag and its length.
fn message(body: &[u8]) -> Option<&[u8]> {
    let (&[_, a, b, c, d], rest) = body.split_first_chunk::<5>()?;
    rest.get(..usize::try_from(u32::from_be_bytes([a, b, c, d])).ok()?)
}

/// `ServerReflectionRequest`, whose questions exclude each other.
#[derive(Clone, PartialEq, Message)]
struct ReflectionRequest {
    #[prost(string, optional, tag = "3")]
    file: Option<String>,
    #[prost(string, optional, tag = "4")]
    symbol: Option<String>,
    #[prost(string, optional, tag = "7")]
    list: Option<String>,
}

impl ReflectionRequest {
    fn of_symbol(name: &str) -> Self {
        Self { symbol: Some(name.to_owned()), ..Self::default() }
    }

    fn of_file(name: &str) -> Self {
        Self { file: Some(name.to_owned()), ..Self::default() }
    }
}

/// `ServerReflectionResponse`.
#[derive(Clone, PartialEq, Message)]
struct ReflectionResponse {
    #[prost(message, optional, tag = "4")]
    file: Option<Files>,
    #[prost(message, optional, tag = "6")]
    list: Option<Services>,
    #[prost(message, optional, tag = "7")]
    error: Option<Failure>,
}

#[derive(Clone, PartialEq, Message)]
struct Files {
    #[prost(bytes = "vec", repeated, tag = "1")]
    files: Vec<Vec<u8>>,
}

#[derive(Clone, PartialEq, Message)]
struct Services {
    #[prost(message, repeated, tag = "1")]
    services: Vec<Named>,
}

#[derive(Clone, PartialEq, Message)]
struct Named {
    #[prost(string, tag = "1")]
    name: String,
}

#[derive(Clone, PartialEq, Message)]
struct Failure {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(string, tag = "2")]
    text: String,
}
