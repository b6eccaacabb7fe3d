use std::future::{Future as _, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use tokio::time::{sleep, timeout};

use crate::drain::StopSource;
use crate::model::part;
use crate::queue::{Queue as _, Settlement};
use crate::runtime::clock;
use crate::testing::queue::bench::{Bench, suite_ends_it};
use crate::testing::queue::{Broken, Census, Promise, Subject, Verdict};

/// The moments at which the stop comes, from the push on: between them lies what an adapter does with one job.
const MOMENTS: u32 = 24;
const APART: Duration = Duration::from_micros(250);

/// Tries whether a job that comes while the fetch is being stopped is returned by it, or had been sent ahead, or is still
/// there for others.
///
/// # Errors
///
/// When it is none of these: the consumer holds a job that it doesn't know of.
pub async fn stopped_fetch_keeps_nothing<S: Subject>(subject: &S) -> Result<Verdict, Broken> {
    let bench = Bench::lasting(subject, Promise::StoppedFetchKeepsNothing);
    for moment in 0..MOMENTS {
        let queue = bench.open().await?;
        let source = StopSource::with_clock(clock::now);
        let stop = source.token();
        // One that has all that it wants when the job comes, or one that has not.
        let max = if moment % 2 == 0 { 4 } else { 1 };
        let mut fetch = pin!(queue.fetch(max, &stop));
        // Its waiting has to begin before the job comes; where it does not wait, another promise is broken.
        if poll_fn(|cx| Poll::Ready(fetch.as_mut().poll(cx).is_ready())).await {
            return Ok(Verdict::Kept);
        }
        let pushing = async {
            bench.push(b"at this very moment").await?;
            if moment > 0 {
                sleep(part(APART, moment, 1)).await;
            }
            source.stop(suite_ends_it(), None);
            Ok(())
        };
        let fetching = async { Ok(timeout(bench.patience(&queue), fetch).await) };
        let ((), got) = tokio::try_join!(pushing, fetching)?;
        let mut ours = match got {
            Ok(got) => got.map_err(|source| bench.failed("end a fetch", source))?,
            // That it ends with the stop is another promise.
            Err(_) => return Ok(Verdict::Kept),
        };
        ours.extend(bench.withdraw(&queue).await?);
        for delivery in &ours {
            bench.settle_ours(&queue, delivery, Settlement::HandBack).await?;
        }
        bench.counts(Census { waiting: 1, leased: Some(0), buried: 0 }).await?;
        bench.does("close", bench.patience(&queue), queue.close()).await?;

        let next = bench.open().await?;
        for delivery in bench.take_untried(&next).await? {
            bench.settle_ours(&next, &delivery, Settlement::Ack).await?;
        }
        bench.stop(next, Vec::new()).await?;
    }
    Ok(Verdict::Kept)
}
