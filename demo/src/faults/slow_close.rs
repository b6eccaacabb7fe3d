use ebbtide::Life;

/// Registers a resource whose close takes twice as long as the whole stop may.
pub(super) fn arm(life: &Life) {
    let time = life.plan().deadline.saturating_mul(2);
    life.resource("slow courier", (), move |()| async move {
        tokio::time::sleep(time).await;
        Ok(())
    });
}
