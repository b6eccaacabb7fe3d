use std::time::Duration;

use ebbtide::{BoxError, Life};

/// Lets a lifecycle come to the end that its name says, when it is told to stop or by itself.
///
/// # Errors
///
/// Where the start-up itself is to fail, and for a name that is none.
pub async fn end(life: &Life, name: &str) -> Result<(), BoxError> {
    match name {
        "signal" => {}
        "stubborn" => life.task("stubborn", |_| std::future::pending()),
        "failing" => life.task("failing", |_| async { Err("the task gave up".into()) }),
        "failing-start" => return Err("no database".into()),
        // The threads sleep: the tests beside this one need the processor.
        "blocked" => {
            for _ in 0..4 {
                life.task("blocker", |stop| async move {
                    stop.stopping().await;
                    loop {
                        std::thread::park();
                    }
                });
            }
        }
        "hanging" => life.on_stop("hanging", |_| async {
            tokio::time::sleep(Duration::MAX).await;
            Ok(())
        }),
        other => return Err(format!("no such end: {other}").into()),
    }
    Ok(())
}
