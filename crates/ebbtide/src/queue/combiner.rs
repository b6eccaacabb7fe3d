use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::{Semaphore, oneshot};

/// So many are not kept waiting for more.
const CROWD: usize = 100;

/// Lets one caller do the work of all who wait for the same thing, so that many small writes cost one commit.
///
/// There is no task behind it. Who gets a turn takes what has gathered, does it, and gives each its answer; what comes
/// meanwhile gathers for the next. Nobody waits for company: while there are turns, a batch is a batch of one.
///
/// # Invariants
///
/// 1. An item is in `waiting`, or with one who has a turn, or its answer is given or dropped.
/// 2. An answer is dropped only with the one who had taken the item, in the midst of the work, and then the item is
///    submitted again.
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
    /// Does `work` for this item, together with those of others, and returns what came of this one.
    ///
    /// `work` returns an outcome for each item, in their order, or an error that is everybody's: then none of it was done.
    /// It runs as often at the same time as there are `turns`, which are never closed.
    ///
    /// # Cancel safety
    ///
    /// Whether the work is done is unknown then. The others whose work it was doing submit theirs again.
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
                    // Whoever is about to come anyway, such as the other jobs of a batch, comes now.
                    let mut gathered = 0;
                    while self.lock().grows(&mut gathered) {
                        tokio::task::yield_now().await;
                    }
                    let gathered = self.lock().take_with(number);
                    // Whoever submits carries the room for this future: few lead.
                    Box::pin(lead(gathered, &work)).await;
                }
            }
            // From us, or from who had taken it before we had our turn.
            if let Ok(answer) = answer.await {
                return answer;
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Gathered<T, R, E>> {
        // The list is whole after each statement that changes it.
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

    /// Returns whether there are more by now, but for a crowd that is large enough.
    fn grows(&self, gathered: &mut usize) -> bool {
        let before = std::mem::replace(gathered, self.items.len());
        before < self.items.len() && self.items.len() < CROWD
    }

    /// Takes all, if this one is among them: who has it in other hands leaves the turn to those that have not.
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
    // Whose caller has gone is not waited for by anybody.
    let awaited = gathered.into_iter().filter(|waiting| !waiting.answer.is_closed());
    let (items, answers): (Vec<T>, Vec<_>) = awaited.map(|waiting| (waiting.item, waiting.answer)).unzip();
    if items.is_empty() {
        return;
    }
    // Who doesn't take the answer has gone meanwhile.
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
    async fn what_gathers_behind_a_turn_is_done_in_one_go_and_each_gets_its_own_answer() {
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
    async fn an_error_is_everybodys() {
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
    async fn when_the_one_with_the_turn_is_dropped_the_others_go_on() {
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
        // It lets others come, takes both items, and never ends.
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

    /// Lets others run so many times.
    async fn rest(times: u32) {
        for _ in 0..times {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn several_turns_are_taken_side_by_side_and_each_item_is_done_once() {
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
        // Five crowds, each of which comes while the ones before are worked at.
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
