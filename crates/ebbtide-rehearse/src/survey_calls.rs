//! Finds out which methods of a gRPC service a load can call.

use std::time::Duration;

use tokio::time::timeout;

use super::clock::{At, Clock};
use super::place::Place;
use super::probe::{Got, try_route};
use super::record::Endpoint;
use super::reflection::{self, call};
use super::scenario::{BadCall, Call, CallKind, DescribedMethod, Ready, Route, Target};
use super::wire::Address;

/// How long the service may take to describe itself, and then to answer calls.
const LIMIT: Duration = Duration::from_secs(5);
/// The timeout of one call.
const TRY: Duration = Duration::from_secs(2);
/// How many methods of a kind are called until one fits.
const TRIES: usize = 5;

/// What was found out about a gRPC service.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SurveyedCalls {
    /// Its address, if it is not that of readiness.
    pub target: Option<Target>,
    /// Its methods, or why it does not name them. Health, reflection and other services of gRPC itself are left out.
    pub methods: Result<Vec<SurveyedMethod>, BadCall>,
}

impl SurveyedCalls {
    /// Returns the method of `kind` that a load can call as it is.
    pub fn fitting(&self, kind: CallKind) -> Option<&SurveyedMethod> {
        let methods = self.methods.iter().flatten();
        methods.into_iter().find(|method| method.kind == kind && method.tried == Tried::Fits)
    }

    /// Returns whether a load can call any method as it is.
    pub fn any_fits(&self) -> bool {
        self.methods.iter().flatten().any(|method| method.tried == Tried::Fits)
    }
}

/// A method of a gRPC service.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SurveyedMethod {
    /// The path of its calls: `/PACKAGE.SERVICE/METHOD`.
    pub path: String,
    /// Its kind.
    pub kind: CallKind,
    /// What a call with an empty message showed.
    pub tried: Tried,
}

/// What a call with an empty message showed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Tried {
    /// The method was not called: another one of its kind fits, or its name says that it removes or ends something.
    No,
    /// The status was OK, or the service sends a stream. If messages go both ways, the one that was sent was answered.
    Fits,
    /// Another status of gRPC.
    Status(u16),
    /// There was no complete answer.
    NoAnswer,
}

/// Looks for a gRPC service among `listeners`, first at `at`, the address of `ready`, and calls its methods. `None`: there is none.
pub(super) async fn calls(
    place: &Place,
    (ready, at): (&Ready, &Address),
    listeners: Vec<(Target, Endpoint)>,
) -> Option<SurveyedCalls> {
    let mut found = vec![(None, at.clone())];
    for (target, socket) in listeners {
        let is_home = socket == at.socket;
        for tls in [false, true] {
            // What answers HTTP has shown whether it has TLS.
            let is_known = is_home && (matches!(ready, Ready::Http(..)) || tls == at.tls.is_some());
            if !is_known {
                let target = Target { tls, ..target.clone() };
                found.push((Some(target.clone()), place.address_of(&target, socket.clone())));
            }
        }
    }
    let described = timeout(LIMIT, async {
        for (target, to) in found {
            let to = to.over_http2();
            if let Some(methods) = reflection::methods(&to).await {
                return Some((target, to, methods));
            }
        }
        None
    });
    let (target, to, methods) = described.await.ok()??;
    let methods = match methods {
        Ok(methods) => Ok(called(methods, &to).await),
        Err(why) => Err(why),
    };
    Some(SurveyedCalls { target, methods })
}

/// Calls methods of each kind until one fits: first those that read.
async fn called(methods: Vec<DescribedMethod>, to: &Address) -> Vec<SurveyedMethod> {
    let clock = Clock::start();
    let mut tried: Vec<SurveyedMethod> = methods
        .iter()
        .map(|method| SurveyedMethod { path: method.path.clone(), kind: method.kind, tried: Tried::No })
        .collect();
    for kind in [CallKind::Unary, CallKind::ServerStream, CallKind::ClientStream, CallKind::BidiStream] {
        let mut of_kind: Vec<(Effect, &mut SurveyedMethod)> = methods
            .iter()
            .map(Effect::of)
            .zip(&mut tried)
            .filter(|(effect, method)| method.kind == kind && *effect != Effect::Ends)
            .collect();
        of_kind.sort_by_key(|(effect, _)| *effect);
        for (_, method) in of_kind.into_iter().take(TRIES) {
            if clock.now().since(At::default()) > LIMIT {
                break;
            }
            method.tried = once(&method.path, kind, to).await;
            if method.tried == Tried::Fits {
                break;
            }
        }
    }
    tried
}

/// Calls a method once, with an empty message.
async fn once(path: &str, kind: CallKind, to: &Address) -> Tried {
    let route = Route::calling_with(path, Call::encoded(&()));
    // A stream of the service may be without end.
    if kind == CallKind::ServerStream && try_route(to, &route, TRY).await == Got::Status(200) {
        return Tried::Fits;
    }
    let Ok((answer, body)) = call(to, &route, TRY).await else { return Tried::NoAnswer };
    match answer.grpc_status {
        Some(0) if kind == CallKind::BidiStream && body.is_empty() => Tried::NoAnswer,
        Some(0) => Tried::Fits,
        Some(status) => Tried::Status(status),
        None => Tried::NoAnswer,
    }
}

/// What a method does, by its descriptor and the first word of its name.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Effect {
    Reads,
    Unknown,
    /// It removes or ends something.
    Ends,
}

const READS: [&str; 16] = [
    "get", "list", "read", "find", "search", "query", "describe", "check", "count", "watch", "lookup",
    "fetch", "show", "ping", "echo", "stream",
];
const ENDS: [&str; 20] = [
    "delete",
    "remove",
    "drop",
    "purge",
    "clear",
    "reset",
    "destroy",
    "stop",
    "shutdown",
    "shut",
    "kill",
    "cancel",
    "truncate",
    "terminate",
    "wipe",
    "erase",
    "revoke",
    "disable",
    "abort",
    "restart",
];

impl Effect {
    fn of(method: &DescribedMethod) -> Self {
        let word = first_word(&method.name);
        if method.safe || READS.contains(&&*word) {
            Self::Reads
        } else if ENDS.contains(&&*word) {
            Self::Ends
        } else {
            Self::Unknown
        }
    }
}

/// Returns the first word of a name such as `GetOrder` or `get_order`, in lower case.
fn first_word(name: &str) -> String {
    let rest = name.char_indices().skip(1);
    let end = rest.into_iter().find(|(_, letter)| letter.is_uppercase() || *letter == '_');
    name.get(..end.map_or(name.len(), |(at, _)| at)).unwrap_or(name).to_lowercase()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::scenario::RequestTemplate;
    use crate::wire::TlsClients;

    fn method(name: &str, safe: bool) -> DescribedMethod {
        let (path, name) = (format!("/shop.Orders/{name}"), name.to_owned());
        DescribedMethod { path, name, kind: CallKind::Unary, safe }
    }

    #[tokio::test]
    async fn a_method_that_removes_or_ends_something_is_not_called() {
        // No service is there: each call ends without an answer.
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let template = Arc::<RequestTemplate>::default();
        let to = Address::new(
            port.into(),
            &Target::tcp("127.0.0.1", port.port()),
            &template,
            &Arc::new(TlsClients::new(&template.trust)),
        );
        let names = ["DeleteAll", "Create", "Get", "Reset"];
        let called = called(names.map(|name| method(name, false)).into(), &to.over_http2()).await;
        let tried: Vec<Tried> = called.iter().map(|method| method.tried).collect();
        assert_eq!(tried, [Tried::No, Tried::NoAnswer, Tried::NoAnswer, Tried::No]);
    }

    #[test]
    fn a_method_that_removes_or_ends_something_is_known_by_its_name() {
        let effect = |name: &str, safe| Effect::of(&method(name, safe));
        for (name, expected) in [
            ("GetOrder", Effect::Reads),
            ("get_order", Effect::Reads),
            ("Watch", Effect::Reads),
            ("Getaway", Effect::Unknown),
            ("Create", Effect::Unknown),
            ("DeleteOrder", Effect::Ends),
            ("shutdown", Effect::Ends),
            ("ShutDown", Effect::Ends),
        ] {
            assert_eq!(effect(name, false), expected, "{name}");
        }
        assert_eq!(effect("ResetView", true), Effect::Reads, "its file says so");
    }
}
