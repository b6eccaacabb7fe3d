use std::num::NonZero;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crate::formats::{self, Facts};
use crate::input::{Source, SourceId, Sources};

/// Fewer files than this are read in the caller's thread.
const WORTH_A_THREAD: usize = 16;

/// The most threads that read.
const MAX_THREADS: usize = 8;

/// Reads every source, in the order of the sources.
pub(super) fn read_all(sources: &Sources) -> Vec<Facts> {
    let all: Vec<(SourceId, &Source)> = sources.iter().collect();
    // The number of cores is in files of the control group: reading them takes longer than reading a few sources.
    let cores = || thread::available_parallelism().map_or(1, NonZero::get).min(MAX_THREADS);
    let threads = if all.len() < WORTH_A_THREAD { 1 } else { cores() };
    if threads < 2 {
        return all.into_iter().map(|(id, source)| formats::read(id, source)).collect();
    }
    let next = AtomicUsize::new(0);
    let done: Mutex<Vec<(usize, Facts)>> = Mutex::new(Vec::with_capacity(all.len()));
    let work = || {
        let mut mine = Vec::new();
        while let Some((index, (id, source))) =
            Some(next.fetch_add(1, Ordering::Relaxed)).and_then(|index| Some((index, *all.get(index)?)))
        {
            mine.push((index, formats::read(id, source)));
        }
        done.lock().unwrap_or_else(std::sync::PoisonError::into_inner).append(&mut mine);
    };
    thread::scope(|scope| {
        for _ in 1..threads {
            // Without the thread its share is read by the others.
            let _ = thread::Builder::new().name("read".to_owned()).spawn_scoped(scope, work);
        }
        work();
    });
    let mut done = done.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    done.sort_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, facts)| facts).collect()
}
