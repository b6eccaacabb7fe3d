use ebbtide_core::drain::{Stop, Stopping};

fn wait() -> Stopping<'static> {
    let stop = Stop::never();
    stop.stopping()
}

fn main() {
    drop(wait());
}
