//! Asks a service for its schema (server reflection of gRPC), before the load begins.

use std::collections::BTreeMap;
use std::time::Duration;

use prost::Message;
use prost_reflect::prost_types::FileDescriptorProto;
use tokio::time::timeout;

use super::place::address_of;
use super::record::{Answer, Outcome};
use super::scenario::{BadCall, Call, DescribedMethod, Known, LoadPlan, Route, Schema, service_and_method};
use super::trouble::NotRehearsed;
use super::wire::{Address, Connection, Exchange, NoConnection, RequestSpec, Silence};
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
        let mut files = Files::new();
        match asked.files(service, &mut files).await {
            Ok(()) => return Schema::from_files(files.into_values()),
            Err(NoFiles::NoSuchVersion { .. }) => {}
            Err(NoFiles::NoSuchSymbol) => {
                let known = asked.services().await.unwrap_or_default();
                last = BadCall::Service { name: service.to_owned(), known: Known(known) };
            }
            Err(NoFiles::NoGrpc(why) | NoFiles::Failed(why)) => last = BadCall::Reflection(why),
        }
        if last != BadCall::NoReflection {
            break;
        }
    }
    Err(last)
}

/// The services of gRPC itself, by the beginnings of their names: no load is for them.
const OWN: [&str; 3] = ["grpc.reflection.", "grpc.health.", "grpc.channelz."];

/// Returns the methods of the services at `to`, as these describe themselves, except those of gRPC's own services. `None`: no server of gRPC is
/// there.
pub(super) async fn methods(to: &Address) -> Option<Result<Vec<DescribedMethod>, BadCall>> {
    let mut is_grpc = false;
    for version in VERSIONS {
        match (Reflection { to, version }).methods().await {
            Ok(methods) => return Some(methods),
            Err(NoFiles::NoSuchVersion { grpc }) => is_grpc |= grpc,
            Err(NoFiles::NoGrpc(_)) => break,
            Err(NoFiles::NoSuchSymbol) => is_grpc = true,
            Err(NoFiles::Failed(why)) => return Some(Err(BadCall::Reflection(why))),
        }
    }
    is_grpc.then_some(Err(BadCall::NoReflection))
}

/// The files of descriptors, by their names.
type Files = BTreeMap<String, FileDescriptorProto>;

/// A version of server reflection at an address.
struct Reflection<'a> {
    to: &'a Address,
    version: &'static str,
}

/// Why there are no descriptors.
enum NoFiles {
    /// The service does not have this version of reflection; it answered with a status of gRPC, or without one.
    NoSuchVersion {
        grpc: bool,
    },
    /// The service knows no such service.
    NoSuchSymbol,
    /// There was no response of HTTP/2.
    NoGrpc(String),
    Failed(String),
}

impl Reflection<'_> {
    /// Adds the file that defines `service`, and every file that it imports.
    async fn files(&self, service: &str, files: &mut Files) -> Result<(), NoFiles> {
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
        Ok(())
    }

    /// Returns the names of the services.
    async fn services(&self) -> Result<Vec<String>, NoFiles> {
        let list = ReflectionRequest { list: Some(String::new()), ..ReflectionRequest::default() };
        let list = self.ask(&list).await?.list.unwrap_or_default();
        Ok(list.services.into_iter().map(|service| service.name).collect())
    }

    /// Returns the methods of every service that has descriptors, except those of gRPC's own services.
    async fn methods(&self) -> Result<Result<Vec<DescribedMethod>, BadCall>, NoFiles> {
        let mut names = self.services().await?;
        names.retain(|name| !OWN.iter().any(|own| name.starts_with(own)));
        let mut files = Files::new();
        for name in &names {
            match self.files(name, &mut files).await {
                Ok(()) | Err(NoFiles::NoSuchSymbol) => {}
                Err(why) => return Err(why),
            }
        }
        let schema = Schema::from_files(files.into_values());
        Ok(schema.map(|schema| names.iter().flat_map(|name| schema.methods(name)).collect()))
    }

    /// Asks one question, on a connection of its own.
    async fn ask(&self, question: &ReflectionRequest) -> Result<ReflectionResponse, NoFiles> {
        let failed = |why: &str| NoFiles::Failed(why.to_owned());
        let (answer, body) = call(self.to, &self.route(question), ASKED).await.map_err(NoFiles::NoGrpc)?;
        match answer.grpc_status {
            None if answer.open_grpc => Err(failed("response without a status")),
            // A server of HTTP.
            None => Err(NoFiles::NoSuchVersion { grpc: false }),
            Some(UNIMPLEMENTED) => Err(NoFiles::NoSuchVersion { grpc: true }),
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

    fn route(&self, question: &ReflectionRequest) -> Route {
        let path = format!("/{}.ServerReflection/ServerReflectionInfo", self.version);
        Route::calling_with(&path, Call::encoded(question))
    }
}

/// Sends the one message of `route` to `to`, on a connection of its own, and returns the response with its body. `Err`: why there is none.
pub(super) async fn call(to: &Address, route: &Route, limit: Duration) -> Result<(Answer, Vec<u8>), String> {
    let called = timeout(limit, exchange(to, route)).await;
    called.unwrap_or_else(|_| Err("no response in time".to_owned()))
}

async fn exchange(to: &Address, route: &Route) -> Result<(Answer, Vec<u8>), String> {
    let failed = |why: &str| why.to_owned();
    let request = RequestSpec::plain(route).request(to, None).map_err(|error| error.to_string())?;
    let opened = Connection::open(to, At::default(), &Silence::default()).await;
    let mut connection = opened.map_err(|none| match none {
        NoConnection::Outcome(Outcome::Refused) => failed("connection refused"),
        NoConnection::Tls(failure) => failure.to_string(),
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
    file: Option<FileList>,
    #[prost(message, optional, tag = "6")]
    list: Option<Services>,
    #[prost(message, optional, tag = "7")]
    error: Option<Failure>,
}

#[derive(Clone, PartialEq, Message)]
struct FileList {
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
