//! Servers and their clients: what a stop does to connections, requests, streams and calls.

mod bodies_are_whole_or_visibly_cut;
mod grpc_of_all_kinds;
mod handlers_that_never_return_are_cut;
mod http2_is_told_in_two_steps;
mod idle_connections_lose_nothing;
mod no_connection_is_lost;
mod requests_before_the_close_are_served;
mod silent_and_half_sent_connections;
mod slowloris_hinders_nobody;
mod streams_and_websockets_are_told;
mod the_deadline_is_answered;
