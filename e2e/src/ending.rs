use std::time::Duration;

use ebbtide::{BoxError, Handle};

/// Lets a lifecycle come to the end that its name says, when it is told to stop or by itself.
///
/// # Errors
///
/// Where the start-up itself is to fail, and for a name that is none.
pub async fn end(app: &Handle, name: &str) -> Result<(), BoxError> {
    match name {
        "signal" => {}
        "stubborn" => app.task("stubborn", |_| std::future::pending()),
        "failing" => app.task("failing", |_| async { Err("the task gave up".into()) }),
        "failing-start" => return Err("no database".into()),
        // The threads sleep: the tests beside this one need the processor.
        "blocked" => {
            for _ in 0..4 {
                app.task("blocker", |stop| async move {
                    stop.stopping().await;
                    loop {
                        std::thread::park();
                    }
                });
            }
        }
        "hanging" => app.on_stop("hanging", |_| async {
            tokio::time::sleep(Duration::MAX).await;
            Ok(())
        }),
        other => return Err(format!("no such end: {other}").into()),
    }
    Ok(())
}
