//! The loop over SQS: one consumer is stopped with jobs in its hands, and the next one goes on.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ebbtide::model::Cause;
use ebbtide::queue::{ConsumeOptions, Consumer, Job, Tally};
use ebbtide::{BoxError, Stop};

use super::place::{Counts, Place};
use crate::support::{now, source};

const JOBS: usize = 30;
const LEASE: Duration = Duration::from_secs(4);

/// How often each job was begun and ended.
#[derive(Default)]
struct Diary {
    begun: BTreeMap<String, u32>,
    ended: BTreeMap<String, u32>,
}

/// Runs jobs until so many have ended in all, and then for as long as a stop takes.
async fn consume(place: &Place, diary: &Arc<Mutex<Diary>>, until: usize, is_long: bool) -> Tally {
    let queue = place.open_short(LEASE).await;
    let raised = source();
    let handler = {
        let diary = Arc::clone(diary);
        move |job: Job, _stop: Stop| {
            let diary = Arc::clone(&diary);
            async move {
                let name = String::from_utf8(job.payload().to_vec())?;
                *diary.lock().unwrap().begun.entry(name.clone()).or_default() += 1;
                // The first is longer than a lease, and in one process than its grace as well.
                let time = if name == "0" { 6000 } else { 150 };
                tokio::time::sleep(Duration::from_millis(time)).await;
                if name == "0" && is_long {
                    std::future::pending::<()>().await;
                }
                *diary.lock().unwrap().ended.entry(name).or_default() += 1;
                Ok::<(), BoxError>(())
            }
        }
    };
    let stopping = async {
        while diary.lock().unwrap().ended.len() < until {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let cause = Cause::Requested { reason: "a deploy".to_owned() };
        raised.stop(cause, Some(now() + Duration::from_secs(8)));
    };
    let options = ConsumeOptions::new(4).hand_back(Duration::from_secs(2));
    let running = Consumer::new("deployed", queue, options, handler).run(raised.token());
    let (tally, ()) = tokio::join!(running, stopping);
    tally
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deploy_runs_each_job_once_but_the_one_that_was_handed_back() {
    let place = Place::new();
    let producer = place.open().await;
    let long = producer.push("0").await.unwrap();
    let diary = Arc::default();
    let began = now();
    let (first, ()) = tokio::join!(consume(&place, &diary, 10, true), async {
        for n in 1..JOBS {
            producer.push(n.to_string()).await.unwrap();
        }
    });
    assert!(began.elapsed() > LEASE, "the long one was held for longer than a lease");
    assert!(first.handed_back.contains(&long), "{first:?}");
    assert_eq!((first.lost, first.unsettled.len(), first.cut), (0, 0, 1), "{first:?}");

    let second = consume(&place, &diary, JOBS, false).await;
    assert_eq!((second.lost, second.unsettled.len(), second.cut), (0, 0, 0), "{second:?}");
    assert_eq!(place.counts().await, Counts { visible: 0, in_flight: 0 });
    let diary = diary.lock().unwrap();
    let names: Vec<_> = (0..JOBS).map(|n| n.to_string()).collect();
    for name in &names {
        let runs = if name == "0" { 2 } else { 1 };
        assert_eq!((diary.begun[name], diary.ended[name]), (runs, 1), "job {name}");
    }
}
