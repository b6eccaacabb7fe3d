//! The pictures of the runs, made when each run was judged: its record is dropped after that.

use ebbtide_rehearse::{At, News, Picture, ReadyState, Record, Verdict};
use serde::Serialize;

use super::pack::{Kind, Outcome, PackedRequests};

/// The number of requests that the runs of a page may have together. A run that is shown first is kept whatever it has.
const REQUESTS: usize = 1_000_000;

/// The pictures of a page.
#[derive(Debug, Default)]
pub(crate) struct Gallery {
    wanted: bool,
    pictures: Vec<RunPicture>,
}

/// The picture of one run, with times in microseconds from the signal.
#[derive(Debug, Serialize)]
pub(super) struct RunPicture {
    pub(super) run: u32,
    pub(super) verdict: Verdict,
    from: i64,
    to: i64,
    load: i64,
    exit: Option<i64>,
    exit_text: String,
    unready: Option<i64>,
    listener_closed: Option<i64>,
    marks: Vec<(f64, String)>,
    readiness: Vec<(i64, i64, &'static str, String)>,
    phases: Vec<(String, f64)>,
    outcomes: Vec<Outcome>,
    kinds: Vec<Kind>,
    pub(super) count: usize,
    data: String,
}

impl Gallery {
    /// Creates an empty gallery, which stays empty unless a page is `wanted`.
    pub(crate) fn new(wanted: bool) -> Self {
        Self { wanted, pictures: Vec::new() }
    }

    /// Adds the picture of a run that was judged. When there are too many requests, the pictures of other runs are dropped.
    pub(crate) fn add(&mut self, news: &News<'_>) {
        if let (true, News::Judged { run, record, terms, verdict, .. }) = (self.wanted, news) {
            self.pictures.push(RunPicture::of(*run, verdict.verdict, record, &Picture::of(record, terms)));
            self.make_room();
        }
    }

    /// Returns the picture of one run that failed.
    #[cfg(test)]
    pub(super) fn of_one(record: &Record, terms: &ebbtide_rehearse::Terms) -> Self {
        let picture = RunPicture::of(1, Verdict::Fail, record, &Picture::of(record, terms));
        Self { wanted: true, pictures: vec![picture] }
    }

    /// Returns the pictures, by the number of their run.
    pub(super) fn pictures(&self) -> &[RunPicture] {
        &self.pictures
    }

    fn make_room(&mut self) {
        while self.pictures.iter().map(|picture| picture.count).fold(0, usize::saturating_add) > REQUESTS {
            // The page shows the first run that failed, or else the one that took longest.
            let failed = self.pictures.iter().position(|picture| picture.verdict == Verdict::Fail);
            let longest = (0..self.pictures.len())
                .max_by_key(|at| self.pictures.get(*at).map(|picture| picture.exit.unwrap_or(i64::MAX)));
            let others = |at: &usize| failed.map_or(Some(*at) != longest, |failed| failed != *at);
            let droppable: Vec<usize> = (0..self.pictures.len()).filter(others).collect();
            let passed =
                |at: &&usize| self.pictures.get(**at).is_some_and(|picture| picture.verdict != Verdict::Fail);
            match droppable.iter().rfind(passed).or(droppable.last()) {
                Some(at) => drop(self.pictures.remove(*at)),
                None => return,
            }
        }
    }
}

impl RunPicture {
    fn of(run: u32, verdict: Verdict, record: &Record, picture: &Picture<'_>) -> Self {
        let signalled = record.signalled;
        let from_signal = |at: At| micros(at).saturating_sub(micros(signalled));
        let first = picture.requests.first().map_or(record.load_began, |request| request.begun);
        let begin = first.min(record.load_began);
        let last = picture.requests.iter().map(|request| request.ended).max().unwrap_or(signalled);
        let end = record.exit.map_or(signalled, |(at, _)| at).max(last).max(signalled);
        let packed = PackedRequests::of(&picture.requests, begin);
        Self {
            run,
            verdict,
            from: from_signal(begin),
            to: from_signal(end),
            load: from_signal(record.load_began),
            exit: record.exit.map(|(at, _)| from_signal(at)),
            exit_text: record.exit.map_or_else(String::new, |(_, ended)| ended.to_string()),
            unready: picture.unready.map(from_signal),
            listener_closed: picture.listener_closed.map(from_signal),
            marks: picture.landmarks.iter().map(|mark| (mark.ms, mark.what.clone())).collect(),
            readiness: readiness(picture, from_signal),
            phases: picture.phases.clone(),
            outcomes: packed.outcomes,
            kinds: packed.kinds,
            count: picture.requests.len(),
            data: packed.data,
        }
    }
}

fn micros(at: At) -> i64 {
    i64::try_from(at.0).unwrap_or(i64::MAX)
}

/// Returns the readiness over time: polls with the same result in a row are one entry.
fn readiness(
    picture: &Picture<'_>,
    from_signal: impl Fn(At) -> i64,
) -> Vec<(i64, i64, &'static str, String)> {
    let mut states: Vec<(i64, i64, &'static str, String)> = Vec::new();
    for look in picture.readiness {
        let (class, text) = match look.state {
            ReadyState::Ready => ("green", "ready".to_owned()),
            ReadyState::Red(status) => ("red", format!("status {status}")),
            ReadyState::Refused => ("refused", "connection refused".to_owned()),
            ReadyState::NoAnswer => ("red", "no answer".to_owned()),
        };
        match states.last_mut() {
            Some((_, until, _, known)) if *known == text => *until = from_signal(look.ended),
            _ => states.push((from_signal(look.begun), from_signal(look.ended), class, text)),
        }
    }
    states
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(run: u32, verdict: Verdict, count: usize, exit: i64) -> RunPicture {
        let (record, terms) = ebbtide_rehearse::samples::busy(1);
        let picture = RunPicture::of(run, verdict, &record, &Picture::of(&record, &terms));
        RunPicture { count, exit: Some(exit), ..picture }
    }

    fn kept(pictures: Vec<RunPicture>) -> Vec<u32> {
        let mut gallery = Gallery::new(true);
        for picture in pictures {
            gallery.pictures.push(picture);
            gallery.make_room();
        }
        gallery.pictures.iter().map(|picture| picture.run).collect()
    }

    #[test]
    fn the_run_that_is_shown_first_is_always_kept() {
        let (pass, fail) = (Verdict::Pass, Verdict::Fail);
        let all = || vec![picture(1, pass, 10, 5), picture(2, fail, 10, 1), picture(3, pass, 10, 9)];
        assert_eq!(kept(all()), [1, 2, 3]);
        let many = |verdicts: [Verdict; 3]| {
            let runs = verdicts.into_iter().zip([5, 9, 1]).zip(1..);
            runs.map(|((verdict, exit), run)| picture(run, verdict, REQUESTS, exit)).collect()
        };
        assert_eq!(kept(many([pass, fail, fail])), [2]);
        assert_eq!(kept(many([pass, pass, pass])), [2]);
        assert_eq!(kept(vec![picture(1, pass, REQUESTS * 3, 5)]), [1]);
    }
}
