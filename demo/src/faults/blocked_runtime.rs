use std::thread;

use ebbtide::Life;
use tokio::runtime::Handle;
use tokio::task::JoinSet;

/// Blocks every worker thread of the runtime as soon as the stop begins, as a forgotten lock or a long computation does.
/// The threads sleep: whoever watches from outside needs the processor.
pub(super) fn arm(life: &Life) {
    life.on_stop("blocked runtime", async |_| -> () {
        let mut blockers = JoinSet::new();
        // One would do for each of the other threads; some may be taken by the same thread before it blocks.
        for _ in 0..4 * Handle::current().metrics().num_workers() {
            blockers.spawn(async { block() });
        }
        block()
    });
}

fn block() -> ! {
    loop {
        thread::park();
    }
}
