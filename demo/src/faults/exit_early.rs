use ebbtide::Life;

/// Ends the process at the signal and claims that all is well.
pub(super) fn arm(life: &Life) {
    life.on_stop("early exit", async |_| -> () {
        #[expect(clippy::disallowed_methods, reason = "this is what the fault is")]
        std::process::exit(0)
    });
}
