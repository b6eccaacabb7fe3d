//! A consumer as a component of a lifecycle: its part of the report. And its log lines when its queue is unavailable: once
//! when the outage begins, and once when it ends.

use std::sync::Arc;
use std::time::Duration;

use ebbtide::model::{ComponentReport, Outcome};
use ebbtide::queue::{ConsumeOptions, Job, Permanent};
use ebbtide::{BoxError, Handle, LameDuck, Lifecycle, Report, Stop};
use tokio::sync::Semaphore;

use crate::broker::{Broker, State};
use crate::lines::Lines;
use crate::run::{Does, World, play};

fn run<F>(start_up: F) -> Report
where
    F: AsyncFnOnce(Handle) -> Result<(), BoxError>,
{
    // The consumer has less time, so that the process stays far from its deadline.
    let lifecycle = Lifecycle::new("test").grace(Duration::from_secs(30)).lame_duck(LameDuck::NONE);
    // Two jobs may block their threads.
    let lifecycle = lifecycle.worker_threads(4);
    lifecycle.run_to_report(start_up).expect("the lifecycle starts")
}

fn emails(report: &Report) -> &ComponentReport {
    report
        .components
        .iter()
        .find(|component| component.name == "emails")
        .expect("the component is registered")
}

/// Runs a consumer with a concurrency of two and five jobs sent ahead, and stops when two jobs run.
fn stop_when_two_are_running<F, Fut>(handler: F) -> (Arc<Broker>, Report)
where
    F: Fn(Job, Stop) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = Result<(), BoxError>> + Send + 'static,
{
    let (send, receive) = std::sync::mpsc::channel();
    let report = run(async move |app| {
        let mut broker = Broker::new();
        broker.ahead = 5;
        let broker = Arc::new(broker);
        ["a", "b", "c", "d", "e", "f", "g", "h"].into_iter().for_each(|job| broker.push(job));
        send.send(Arc::clone(&broker))?;
        let begun = Arc::new(Semaphore::new(0));
        let begin = Arc::clone(&begun);
        let options = ConsumeOptions::new(2).requeue(Duration::from_secs(1));
        app.within(Duration::from_secs(4)).consume("emails", broker, options, move |job, stop| {
            begin.add_permits(1);
            handler(job, stop)
        });
        let _both = begun.acquire_many(2).await?;
        app.stop("enough");
        Ok(())
    });
    (receive.recv().expect("the report was sent"), report)
}

#[test]
fn a_consumer_that_ends_in_time_is_drained_and_names_unstarted_jobs() {
    let (broker, report) = stop_when_two_are_running(|_, stop: Stop| async move {
        stop.stopping().await;
        assert!(stop.time_left().is_some_and(|left| left > Duration::from_millis(500)));
        Ok(())
    });
    let emails = emails(&report);
    assert_eq!((report.exit_code, emails.outcome.clone()), (0, Some(Outcome::Drained)), "{report:?}");
    assert_eq!((emails.finished, emails.cancelled), (2, 0), "{emails:?}");
    assert_eq!(emails.requeued_ids.len(), 5, "{emails:?}");
    assert!(emails.unsettled.is_empty());
    assert!(broker.states().iter().all(|(_, state)| !matches!(state, State::Leased(_))));
    assert_eq!(emails.stage, ebbtide::Stage::Intake);
}

/// One job succeeds and one fails, both after the signal. A report that counted the second as finished would hide the failure.
#[test]
fn a_job_that_fails_counts_as_failed_and_the_counts_add_up() {
    for permanent in [false, true] {
        let (_, report) = stop_when_two_are_running(move |job: Job, stop: Stop| async move {
            stop.stopping().await;
            match (job.id() == "a", permanent) {
                (true, _) => Ok(()),
                (_, true) => Err(Permanent::new("it is hopeless").into()),
                (_, false) => Err("it failed".into()),
            }
        });
        let emails = emails(&report);
        assert_eq!(
            (emails.in_flight_at_stop, emails.finished, emails.failed, emails.cancelled),
            (2, 1, 1, 0),
            "{emails:?}"
        );
        assert_eq!(emails.unaccounted(), 0, "{emails:?}");
        assert_eq!(
            (report.exit_code, emails.outcome.clone()),
            (0, Some(Outcome::Drained)),
            "a failed job does not change the exit code"
        );
    }
}

#[test]
fn an_unfinished_job_is_requeued_cancelled_and_named_with_exit_code_3() {
    let (broker, report) = stop_when_two_are_running(|_, _| std::future::pending());
    let emails = emails(&report);
    assert_eq!((report.exit_code, emails.outcome.clone()), (3, Some(Outcome::Cancelled)), "{report:?}");
    assert_eq!((emails.in_flight_at_stop, emails.finished, emails.cancelled), (2, 0, 2), "{emails:?}");
    assert_eq!(emails.requeued_ids.len(), 7, "includes the two that ran: {emails:?}");
    assert!(broker.states().iter().all(|(_, state)| !matches!(state, State::Leased(_))));
}

#[test]
fn a_job_that_blocks_its_thread_is_requeued_nevertheless() {
    let (broker, report) = stop_when_two_are_running(|_, _| async {
        std::thread::sleep(Duration::from_secs(10));
        Ok(())
    });
    assert_eq!(report.exit_code, 3, "{report:?}");
    assert_eq!(emails(&report).requeued_ids.len(), 7, "{report:?}");
    assert!(broker.states().iter().all(|(_, state)| !matches!(state, State::Leased(_))));
}

#[test]
fn a_job_whose_lease_another_consumer_took_is_in_the_report() {
    let lease = Duration::from_millis(50);
    let report = run(async move |app| {
        let mut broker = Broker::new();
        (broker.lease, broker.tells_lease) = (Some(lease), false);
        broker.push("a");
        let begun = Arc::new(Semaphore::new(0));
        let begin = Arc::clone(&begun);
        app.consume("emails", broker, 1, move |_, stop: Stop| {
            begin.add_permits(1);
            async move {
                stop.stopping().await;
                tokio::time::sleep(2 * lease).await;
                Ok(())
            }
        });
        let _begun = begun.acquire().await?;
        app.stop("enough");
        Ok(())
    });
    let emails = emails(&report);
    assert_eq!((emails.redelivered, emails.finished, emails.cancelled), (1, 0, 0), "{emails:?}");
    assert_eq!(report.exit_code, 0, "another consumer processes the job completely");
}

#[test]
fn the_report_of_a_consumer_survives_a_json_round_trip() {
    let (_, report) = stop_when_two_are_running(|_, _| std::future::pending());
    let text = serde_json::to_string(&report).expect("a report that can be serialized");
    let read: Report = serde_json::from_str(&text).expect("a valid report");
    assert_eq!(read.components, report.components);
    // A report from a version without consumers can still be read.
    let mut old: serde_json::Value = serde_json::from_str(&text).expect("valid JSON");
    for component in old["components"].as_array_mut().expect("a list") {
        let fields = component.as_object_mut().expect("an object");
        fields.remove("requeued_ids");
        fields.remove("unsettled");
        fields.remove("redelivered");
    }
    assert!(serde_json::from_value::<Report>(old).is_ok());
}

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn an_outage_is_logged_once_however_often_the_queue_is_polled() {
    let lines = Lines::of(|| {
        let away = || {
            let mut broker = Broker::new();
            broker.troubles.away = Some(10 * SECOND..40 * SECOND);
            broker.lease = Some(90 * SECOND);
            broker
        };
        // Eight jobs end during the outage, and the ninth after it. The tenth slot is free, so that the consumer fetches.
        let options = ConsumeOptions::new(10);
        let jobs = [vec![Does::Finishes(12_000); 8], vec![Does::Finishes(50_000)]].concat();
        let world = World { jobs, options, stop_at: 60 * SECOND, grace: 20 * SECOND };
        let (_, seen) = play(&world, away);
        assert_eq!(seen.tally.acked, 9);
    });
    let what = ["fetch jobs", "settle jobs", "extend the leases of jobs"];
    for what in what {
        for line in
            [format!("failed to {what}; retrying"), format!("queue is available again; able to {what}")]
        {
            assert_eq!(lines.iter().filter(|said| said.contains(&line)).count(), 1, "{line}: {lines:#?}");
        }
    }
    assert_eq!(lines.len(), 2 * what.len(), "and nothing else: {lines:#?}");
}

#[test]
fn the_outcome_of_a_job_is_logged_with_its_id() {
    let mut requeued_ids = Vec::new();
    let lines = Lines::of(|| {
        let options = ConsumeOptions::new(5).attempts(1);
        let jobs = vec![Does::Finishes(1), Does::Fails(1), Does::Hangs];
        let (_, seen) = play(&World { jobs, options, stop_at: SECOND, grace: 2 * SECOND }, Broker::new);
        requeued_ids = seen.tally.requeued_ids;
    });
    let said = |job: &str, what: &str| lines.iter().any(|line| line.contains(job) && line.contains(what));
    assert!(
        said("job-001", "job failed permanently; moved to the dead-letter queue")
            && said("job-001", "it failed"),
        "{lines:#?}"
    );
    assert_eq!(requeued_ids, ["job-002"]);
    assert_eq!(lines.len(), 1, "finished and requeued jobs are in the report, not in the log: {lines:#?}");
}
