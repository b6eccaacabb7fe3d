//! Servers and their clients: what a stop does to connections, requests, streams and calls.

mod bodies_are_whole_or_visibly_truncated;
mod grpc_of_all_kinds;
mod handlers_that_never_return_are_cancelled;
mod http2_goaway_is_sent_in_two_steps;
mod idle_connections_lose_nothing;
mod no_connection_is_lost;
mod requests_before_the_close_are_served;
mod requests_in_flight_at_the_deadline_are_answered;
mod silent_and_half_sent_connections;
mod slowloris_does_not_delay_the_shutdown;
mod streams_and_websockets_end_in_order;
