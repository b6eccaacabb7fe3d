//! What a consumer says when its queue is away: once when it goes, and once when it is back.

use std::time::Duration;

use ebbtide::queue::ConsumeOptions;

use crate::broker::Broker;
use crate::lines::Lines;
use crate::run::{Does, World, play};

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn an_outage_is_said_once_however_often_the_queue_is_asked() {
    let lines = Lines::of(|| {
        let away = || {
            let mut broker = Broker::new();
            broker.troubles.away = Some(10 * SECOND..40 * SECOND);
            broker.lease = Some(90 * SECOND);
            broker
        };
        // Eight jobs end in the outage, and the ninth behind it; the tenth place is free, so that somebody fetches.
        let options = ConsumeOptions::new(10);
        let jobs = [vec![Does::Finishes(12_000); 8], vec![Does::Finishes(50_000)]].concat();
        let world = World { jobs, options, stop_at: 60 * SECOND, grace: 20 * SECOND };
        let (_, seen) = play(&world, away);
        assert_eq!(seen.tally.acked, 9);
    });
    let what = ["fetch jobs", "settle jobs", "extend the leases of jobs"];
    for what in what {
        for line in
            [format!("failed to {what}: trying again"), format!("the queue is back: we can {what} again")]
        {
            assert_eq!(lines.iter().filter(|said| said.contains(&line)).count(), 1, "{line}: {lines:#?}");
        }
    }
    assert_eq!(lines.len(), 2 * what.len(), "and nothing else: {lines:#?}");
}

#[test]
fn what_becomes_of_a_job_is_said_with_its_id() {
    let lines = Lines::of(|| {
        let options = ConsumeOptions::new(5).attempts(1);
        let jobs = vec![Does::Finishes(1), Does::Fails(1), Does::Hangs];
        play(&World { jobs, options, stop_at: SECOND, grace: 2 * SECOND }, Broker::new);
    });
    let said = |job: &str, what: &str| lines.iter().any(|line| line.contains(job) && line.contains(what));
    assert!(said("job-001", "failed for good: buried") && said("job-001", "it failed"), "{lines:#?}");
    assert!(said("job-002", "handed back"), "{lines:#?}");
    assert_eq!(lines.len(), 2, "a job that is done is nothing to be told of: {lines:#?}");
}
