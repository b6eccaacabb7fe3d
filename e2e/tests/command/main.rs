//! The command: what `ebbtide rehearse` reports of the demo and of other services.

mod each_fault_is_caught;
mod nothing_is_lost;
mod the_demo_passes_on_each_queue;
