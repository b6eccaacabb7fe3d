use super::scalar::{count, duration};
use crate::model::{Handler, Probe, seconds};
use crate::tree::Node;

/// Reads a probe. The defaults are those of `core/v1/types.go`.
pub(super) fn probe(node: Option<&Node>) -> Option<Probe> {
    let node = node?;
    Some(Probe {
        handler: handler(node),
        period: duration(node.get("periodSeconds"), seconds(10)),
        failures: count(node.get("failureThreshold"), 3),
        initial_delay: duration(node.get("initialDelaySeconds"), seconds(0)),
        grace: node.get("terminationGracePeriodSeconds").map(|grace| duration(Some(grace), seconds(30))),
        place: node.place,
    })
}

fn handler(node: &Node) -> Handler {
    let port = |handler: &Node| handler.text_of("port").unwrap_or_default().to_owned();
    if let Some(http) = node.get("httpGet") {
        Handler::Http { path: http.text_of("path").unwrap_or("/").to_owned(), port: port(http) }
    } else if let Some(tcp) = node.get("tcpSocket") {
        Handler::Tcp { port: port(tcp) }
    } else if let Some(grpc) = node.get("grpc") {
        Handler::Grpc { port: port(grpc) }
    } else if let Some(exec) = node.get("exec") {
        let words = exec.list("command").iter().filter_map(Node::text).map(str::to_owned);
        Handler::Exec { words: words.collect() }
    } else {
        Handler::Unknown
    }
}
