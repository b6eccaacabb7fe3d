//! The command: what `ebbtide rehearse` reports of the demo and of other services.

mod grpc_calls;
mod grpc_init;
mod nothing_is_lost;
mod the_demo;
