//! Servers and their clients: what a stop does to connections, requests, streams and calls.

mod as_nobody_without_any_right;
mod bodies_are_whole_or_visibly_cut;
mod descriptors_are_exhausted;
mod event_streams_end_whole;
mod grpc_of_all_kinds;
mod http2_is_told_in_two_steps;
mod idle_connections_lose_nothing;
mod no_connection_is_lost_between_machines;
mod pipelined_requests_are_answered;
mod silent_and_half_sent_connections;
mod slowloris_hinders_nobody;
mod ten_thousand_idle_connections;
mod the_accept_queue_is_served;
mod the_deadline_is_answered;
mod traffic_moves_before_the_listener_closes;
mod websockets_are_told;
mod what_never_ends_is_cut_and_named;
