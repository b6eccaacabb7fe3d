//! Judges a recorded rehearsal again.

use std::io::BufRead;

use super::conductor::News;
use super::recording::{BadRecord, RecordHeader, RecordReader, RecordedRun};
use super::verdict::{Facts, RehearsalVerdict, Verdict, conclude, judge};

/// A recorded rehearsal, judged again.
#[derive(Clone, Debug)]
pub struct Replayed {
    /// What was rehearsed.
    pub header: RecordHeader,
    /// The judgement of this version.
    pub rehearsal: RehearsalVerdict,
    /// The verdict of the version that made the record.
    pub recorded: Verdict,
}

/// Judges the record in `input`. Calls `news` with [`News::Judged`] for each run. The verdict is that of the rehearsal if the same
/// version judges it.
///
/// # Errors
///
/// The record is not valid, or not complete: a missing line could hide a loss.
pub fn replay(input: impl BufRead, news: &mut dyn FnMut(News<'_>)) -> Result<Replayed, BadRecord> {
    let mut reader = RecordReader::new(input)?;
    let mut runs = Vec::new();
    while let Some(RecordedRun { record, terms, output_tail }) = reader.next_run()? {
        let verdict = judge(&record, &terms);
        let facts = Facts::of(&record, output_tail);
        let run = u32::try_from(runs.len()).unwrap_or(u32::MAX).saturating_add(1);
        news(News::Judged {
            run,
            of: reader.header().repeat,
            record: &record,
            terms: &terms,
            verdict: &verdict,
            facts: &facts,
        });
        runs.push((verdict, facts));
    }
    let rehearsal = conclude(runs);
    let recorded = reader.verdict().unwrap_or(rehearsal.verdict);
    Ok(Replayed { header: reader.header().clone(), rehearsal, recorded })
}
