use std::any::Any;
use std::error::Error;
use std::sync::Arc;

use tracing::Instrument;

use super::consumer::ConsumerContext;
use crate::drain::Stop;
use crate::queue::{ConsumeOptions, Delivery, Job, Permanent, Queue, Settlement};
use crate::util::{BoxError, Caught, panics};

impl<Q, F, Fut> ConsumerContext<Q, F>
where
    Q: Queue,
    F: Fn(Job, Stop) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<(), BoxError>> + Send + 'static,
{
    /// Takes a delivery and returns a future that runs and settles it. The delivery is tracked before the future is polled.
    pub(super) fn run(
        self: &Arc<Self>,
        delivery: Delivery<Q::Receipt>,
    ) -> impl Future<Output = ()> + Send + use<Q, F, Fut> {
        let (context, id) = (Arc::clone(self), Arc::from(delivery.id.as_str()));
        let refusal = refuse(delivery.attempt, &self.options);
        let guard = self.deliveries.take(&delivery, &id, refusal.is_none());
        let Delivery { payload, attempt, .. } = delivery;
        let span = tracing::info_span!("job", consumer = &*self.name, id = &*id, attempt);
        let work = async move {
            let settlement = match refusal {
                Some(settlement) => settlement,
                None => {
                    let (job, stop) = (Job::new(id, payload, attempt), guard.stop().clone());
                    // The handler is called inside the future, so that its panic is caught as well.
                    let end = Caught::new(async { (context.handler)(job, stop).await }).await;
                    if !guard.ended() {
                        // The loop owns the delivery now, and another consumer may run the job.
                        return;
                    }
                    judge(end, attempt, &context.options)
                }
            };
            context.settle(guard, settlement).await;
        };
        work.instrument(span)
    }
}

/// The result of a handler, or its panic.
type HandlerEnd = Result<Result<(), BoxError>, Box<dyn Any + Send>>;

/// Decides the settlement of a job whose attempt has ended (invariant Q8).
fn judge(end: HandlerEnd, attempt: u32, options: &ConsumeOptions) -> Settlement {
    let (error, permanent) = match end {
        Ok(Ok(())) => return Settlement::Ack,
        Ok(Err(error)) => (panics::chain(&*error), is_permanent(&*error)),
        Err(panic) => (format!("handler panicked: {}", panics::message(&*panic)), false),
    };
    if permanent || attempt >= options.attempts {
        Settlement::DeadLetter { error }
    } else {
        Settlement::Retry { after: options.backoff.after(attempt), error }
    }
}

/// Rejects a delivery whose attempts are all spent, although none of them reported a result.
fn refuse(attempt: u32, options: &ConsumeOptions) -> Option<Settlement> {
    let spent = attempt > options.attempts;
    spent.then(|| Settlement::DeadLetter {
        error: format!(
            "attempt {attempt} of {}: earlier attempts ended without a result; the job may crash its process",
            options.attempts
        ),
    })
}

/// The handler may have wrapped the error.
fn is_permanent(error: &(dyn Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        if error.is::<Permanent>() {
            return true;
        }
        next = error.source();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("failed to read")]
    struct Wrapped(#[source] Permanent);

    fn failed(error: impl Into<BoxError>) -> HandlerEnd {
        Ok(Err(error.into()))
    }

    #[test]
    fn q8_attempts_count_one_by_one_and_a_permanent_error_ends_them() {
        let options = ConsumeOptions::new(1).attempts(3);
        assert_eq!(judge(Ok(Ok(())), 3, &options), Settlement::Ack);
        for (end, attempt, dead_lettered) in [
            (failed("no"), 1, false),
            (failed("no"), 2, false),
            (failed("no"), 3, true),
            (failed("no"), u32::MAX, true),
            (failed(Permanent::new("no")), 1, true),
            (failed(Wrapped(Permanent::new("no"))), 1, true),
            (Err(Box::new("boom")), 1, false),
            (Err(Box::new("boom")), 3, true),
        ] {
            let settlement = judge(end, attempt, &options);
            assert_eq!(
                matches!(settlement, Settlement::DeadLetter { .. }),
                dead_lettered,
                "{attempt}: {settlement:?}"
            );
        }
        assert!((0..=3).all(|attempt| refuse(attempt, &options).is_none()));
        assert!(refuse(4, &options).is_some());
    }

    #[test]
    fn the_dead_letter_error_contains_its_sources() {
        let settlement = judge(failed(Wrapped(Permanent::new("no quantity"))), 1, &ConsumeOptions::new(1));
        assert_eq!(settlement, Settlement::DeadLetter { error: "failed to read: no quantity".to_owned() });
    }
}
