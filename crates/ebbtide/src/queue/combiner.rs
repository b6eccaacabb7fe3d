use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::{Semaphore, oneshot};

/// The batch size from which on a batch does not wait for more items.
const FULL_BATCH: usize = 100;

/// Combines concurrent requests for the same work, so that many small writes cost one commit.
///
/// There is no background task. A caller that gets a turn takes all waiting items, does the work, and distributes the results;
/// later items form the next batch. No caller waits for a batch to fill: while turns are free, a batch has one item.
///
/// # Invariants
///
/// 1. An item is in `waiting`, or a caller with a turn owns it, or its result was sent or dropped.
/// 2. A result is dropped only if the caller that took the item is dropped during the work. The item is then submitted again.
#[derive(Debug)]
pub struct Combiner<T, R, E> {
    waiting: Mutex<Gathered<T, R, E>>,
}

#[derive(Debug)]
struct Gathered<T, R, E> {
    next: u64,
    items: Vec<Waiting<T, R, E>>,
}

#[derive(Debug)]
struct Waiting<T, R, E> {
    number: u64,
    item: T,
    answer: oneshot::Sender<Result<R, E>>,
}

impl<T, R, E> Default for Combiner<T, R, E> {
    fn default() -> Self {
        Self { waiting: Mutex::new(Gathered { next: 0, items: Vec::new() }) }
    }
}

impl<T: Clone, R, E: Clone> Combiner<T, R, E> {
    /// Does `work` for this item, together with the items of other callers, and returns the result of this item.
    ///
    /// `work` returns a result for each item, in order, or one error for all items: then none of it was done. Up to `turns`
    /// calls run concurrently; `turns` is never closed.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, it is unknown whether the work is done. Other callers whose items it had taken submit them
    /// again.
    pub async fn submit<F, Fut>(&self, item: T, turns: &Semaphore, work: F) -> Result<R, E>
    where
        F: Fn(Vec<T>) -> Fut,
        Fut: Future<Output = Result<Vec<R>, E>>,
    {
        loop {
            let (sender, mut answer) = oneshot::channel();
            let number = self.lock().put(item.clone(), sender);
            tokio::select! {
                biased;
                answered = &mut answer => match answered {
                    Ok(answer) => return answer,
                    Err(_) => continue,
                },
                _turn = turns.acquire() => {
                    // Callers that are ready to run, such as the other jobs of a batch, submit their items first.
                    let mut gathered = 0;
                    while self.lock().grows(&mut gathered) {
                        tokio::task::yield_now().await;
                    }
                    let gathered = self.lock().take_with(number);
                    // Boxed, because every caller reserves the space for this future and few use it.
                    Box::pin(lead(gathered, &work)).await;
                }
            }
            // From this caller, or from another one that had taken the item before this caller got its turn.
            if let Ok(answer) = answer.await {
                return answer;
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Gathered<T, R, E>> {
        // The list is consistent after each statement that changes it.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T, R, E> Gathered<T, R, E> {
    fn put(&mut self, item: T, answer: oneshot::Sender<Result<R, E>>) -> u64 {
        let number = self.next;
        self.next = number.wrapping_add(1);
        self.items.push(Waiting { number, item, answer });
        number
    }

    /// Returns whether the number of items has grown and the batch is not large enough.
    fn grows(&self, gathered: &mut usize) -> bool {
        let before = std::mem::replace(gathered, self.items.len());
        before < self.items.len() && self.items.len() < FULL_BATCH
    }

    /// Takes all items if this one is among them. A caller whose item was already taken leaves the turn to the others.
    fn take_with(&mut self, number: u64) -> Vec<Waiting<T, R, E>> {
        let is_here = self.items.iter().any(|waiting| waiting.number == number);
        if is_here { std::mem::take(&mut self.items) } else { Vec::new() }
    }
}

async fn lead<T, R, E, F, Fut>(gathered: Vec<Waiting<T, R, E>>, work: &F)
where
    E: Clone,
    F: Fn(Vec<T>) -> Fut,
    Fut: Future<Output = Result<Vec<R>, E>>,
{
    // An item whose caller was dropped is skipped.
    let awaited = gathered.into_iter().filter(|waiting| !waiting.answer.is_closed());
    let (items, answers): (Vec<T>, Vec<_>) = awaited.map(|waiting| (waiting.item, waiting.answer)).unzip();
    if items.is_empty() {
        return;
    }
    // A result that is not received belongs to a caller that was dropped meanwhile.
    match work(items).await {
        Ok(outcomes) => {
            for (answer, outcome) in answers.into_iter().zip(outcomes) {
                drop(answer.send(Ok(outcome)));
            }
        }
        Err(error) => {
            for answer in answers {
                drop(answer.send(Err(error.clone())));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::task::JoinSet;

    use super::*;

    async fn doubled(items: Vec<u32>) -> Result<Vec<u32>, String> {
        if items.contains(&13) {
            Err("unlucky".to_owned())
        } else {
            Ok(items.iter().map(|n| n * 2).collect())
        }
    }

    #[tokio::test]
    async fn items_queued_behind_a_batch_run_in_one_batch_with_separate_answers() {
        let (combiner, turn) = (Arc::new(Combiner::default()), Arc::new(Semaphore::new(1)));
        let batches = Arc::new(AtomicUsize::new(0));
        let held = Arc::clone(&turn).acquire_owned().await.unwrap();
        let mut tasks = JoinSet::new();
        for n in 0..100 {
            let (combiner, turn, batches) = (Arc::clone(&combiner), Arc::clone(&turn), Arc::clone(&batches));
            tasks.spawn(async move {
                let work = |items| {
                    batches.fetch_add(1, Ordering::SeqCst);
                    doubled(items)
                };
                (n, combiner.submit(n + 100, &turn, work).await)
            });
        }
        while combiner.lock().items.len() < 100 {
            tokio::task::yield_now().await;
        }
        drop(held);
        while let Some(ended) = tasks.join_next().await {
            let (n, answer) = ended.unwrap();
            assert_eq!(answer, Ok((n + 100) * 2));
        }
        assert_eq!(batches.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn a_batch_error_is_returned_to_every_caller() {
        let (combiner, turn) = (Combiner::default(), Semaphore::new(1));
        let held = turn.acquire().await.unwrap();
        let submit = |n| combiner.submit(n, &turn, doubled);
        let release = async {
            while combiner.lock().items.len() < 2 {
                tokio::task::yield_now().await;
            }
            drop(held);
        };
        let (first, second, ()) = tokio::join!(submit(1), submit(13), release);
        assert_eq!((first, second), (Err("unlucky".to_owned()), Err("unlucky".to_owned())));
        assert_eq!(submit(1).await, Ok(2));
    }

    #[tokio::test]
    async fn when_the_caller_that_runs_the_batch_is_dropped_the_others_continue() {
        let (combiner, turn) =
            (Arc::new(Combiner::<u32, u32, String>::default()), Arc::new(Semaphore::new(1)));
        let held = Arc::clone(&turn).acquire_owned().await.unwrap();
        let mut first = Box::pin(combiner.submit(1, &turn, |_| std::future::pending()));
        let mut second = Box::pin(combiner.submit(2, &turn, doubled));
        for future in [&mut first as &mut (dyn Future<Output = _> + Unpin), &mut second] {
            assert!(
                std::future::poll_fn(|cx| std::task::Poll::Ready(
                    std::pin::Pin::new(&mut *future).poll(cx).is_pending()
                ))
                .await
            );
        }
        drop(held);
        // It yields to the others, takes both items, and never ends.
        for _ in 0..3 {
            tokio::select! {
                biased;
                _ = &mut first => unreachable!(),
                () = tokio::task::yield_now() => {}
            }
        }
        assert!(combiner.lock().items.is_empty());
        drop(first);
        assert_eq!(second.await, Ok(4));
    }

    /// Yields the given number of times.
    async fn rest(times: u32) {
        for _ in 0..times {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn several_batches_run_concurrently_and_each_item_once() {
        let (combiner, turns) = (Combiner::default(), Semaphore::new(3));
        let (done, beside, most) = (Mutex::new(Vec::new()), AtomicUsize::new(0), AtomicUsize::new(0));
        let (ran, running, peak) = (&done, &beside, &most);
        let work = |items: Vec<u32>| async move {
            peak.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            rest(100).await;
            ran.lock().unwrap().extend(items.iter().copied());
            running.fetch_sub(1, Ordering::SeqCst);
            doubled(items).await
        };
        // Five groups. Each submits while the items of the groups before it are in progress.
        let (combiner, turns, work) = (&combiner, &turns, &work);
        let submitted = (100..200).map(|n| async move {
            rest(n % 5 * 8).await;
            combiner.submit(n, turns, work).await
        });
        let answers = futures_util::future::join_all(submitted).await;
        assert_eq!(answers, (100..200).map(|n| Ok(n * 2)).collect::<Vec<_>>());
        let mut done = done.into_inner().unwrap();
        done.sort_unstable();
        assert_eq!((done, most.into_inner()), ((100..200).collect(), 3));
    }
}
