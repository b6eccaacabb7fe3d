//! Cancellation tokens of tokio-util, from and to the stop token.

use std::time::Duration;

use ebbtide::cancellation::{from_token, to_token};
use ebbtide::drain::StopSource;
use ebbtide::model::Cause;
use ebbtide::testing::{self, Trial};
use tokio_util::sync::CancellationToken;

const HOUR: Duration = Duration::from_secs(3600);

fn cause() -> Cause {
    Cause::Requested { reason: "test".into() }
}

#[tokio::test(start_paused = true)]
async fn a_token_is_cancelled_when_the_stop_begins_and_not_before() {
    let source = StopSource::new();
    let token = to_token(source.token());
    let child = token.child_token();
    assert!(tokio::time::timeout(HOUR, child.cancelled()).await.is_err(), "nothing has stopped");
    source.stop(cause(), None);
    tokio::time::timeout(HOUR, child.cancelled()).await.expect("the stop has begun");
}

#[tokio::test(start_paused = true)]
async fn a_stop_begins_when_its_token_is_cancelled_and_not_before() {
    let token = CancellationToken::new();
    let stop = from_token(token.clone());
    assert!(tokio::time::timeout(HOUR, stop.stopping()).await.is_err(), "nothing was cancelled");
    token.cancel();
    tokio::time::timeout(HOUR, stop.stopping()).await.expect("the token was cancelled");
    assert!(!stop.is_cancelled() && stop.time_left().is_none());
}

#[tokio::test(start_paused = true)]
async fn a_lifecycle_ends_by_the_token_of_others_and_cancels_its_own() {
    let (theirs, seen) = (CancellationToken::new(), CancellationToken::new());
    let (token, see) = (theirs.clone(), seen.clone());
    let service = Trial::start(testing::lifecycle("test"), async move |app| {
        app.stop_when_cancelled(token);
        let ours = app.cancellation_token();
        app.subscriber("client", async move |_| {
            ours.cancelled().await;
            see.cancel();
            Ok(())
        });
        Ok(())
    });
    service.ready().await;
    assert!(tokio::time::timeout(HOUR, seen.cancelled()).await.is_err(), "nothing was cancelled");
    theirs.cancel();
    let report = service.exited().await;
    assert_eq!(report.exit_code, 0, "{report:?}");
    assert!(seen.is_cancelled());
    assert!(
        report.cause.is_some_and(|cause| cause.to_string().contains("a cancellation token was cancelled"))
    );
}
