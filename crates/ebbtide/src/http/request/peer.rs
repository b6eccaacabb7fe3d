use crate::http::Address;

/// The address of the client that sent a request.
///
/// A request extension, present when [`Server::peer_info`](crate::http::Server::peer_info) asks for it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Peer(pub Address);
