//! A record says the same after it was written and read, and nothing if a part of it is missing.

use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::clock::At;
use crate::record::{
    AcceptQueue, Close, Database, Ended, HeldConnection, LeftFile, LeftKind, LoggedIds, Observed, Orphan,
    Outcome, Phase, PreStopEnd, PreStopRun, ReadySample, ReadyState, Record, Resources, Session, StackTraces,
    Usage,
};
use crate::scenario::{SecondSignal, StopAt, StopSignal};
use crate::verdict::samples::{any_request, good, request, terms};
use crate::verdict::{Facts, RunVerdict, Terms, Verdict, judge};

fn header() -> RecordHeader {
    RecordHeader {
        version: RECORD_VERSION,
        program: "ebbtide".to_owned(),
        command: "./service".to_owned(),
        seed: u64::MAX,
        repeat: 2,
        strict: true,
    }
}

fn recorded(runs: &[(Record, Terms)]) -> String {
    let mut out = Vec::new();
    let mut recorder = Recorder::new(&mut out, &header()).unwrap();
    for (record, terms) in runs {
        let facts = Facts { output_tail: vec!["stopping".to_owned()], ..Facts::default() };
        recorder.write(record, terms, judge(record, terms).verdict, &facts).unwrap();
    }
    recorder.finish(Verdict::Fail).unwrap();
    String::from_utf8(out).unwrap()
}

/// A run with something in every field that a file can hold.
fn rich() -> (Record, Terms) {
    let mut record = good();
    record.killed = Some(At(1_590_000));
    let end = PreStopEnd::Failed("exit code 1".to_owned());
    record.pre_stop = Some(PreStopRun { began: At(900_000), ended: At(990_000), end, before_grace: true });
    record.second_signal = Some(At(1_400_000));
    record.cleaned_up = Some(At(1_650_000));
    record.children_until = Some(At(1_640_000));
    record.children_listened = vec!["127.0.0.1:80".to_owned()];
    record.exit = Some((At(1_600_000), Ended::Signal(9)));
    record.orphans = vec![Orphan { pid: 7, name: "worker \"1\"".to_owned() }];
    record.readiness = vec![
        ReadySample { begun: At(1), ended: At(2), state: ReadyState::Ready },
        ReadySample { begun: At(1_000_001), ended: At(1_000_002), state: ReadyState::Red(503) },
        ReadySample { begun: At(1_500_001), ended: At(1_500_002), state: ReadyState::Refused },
    ];
    record.liveness = record.readiness.clone();
    let session = Session { pid: 1, state: "active".to_owned(), query: "select\n1".to_owned() };
    record.database = Some(Database {
        abandoned: Some(-1),
        most: 3,
        last: Some((At(5), vec![session])),
        trouble: Some("gone".to_owned()),
        ..Database::default()
    });
    let usage = Usage { memory_bytes: 1, threads: 2, descriptors: 3, processes: 4 };
    record.observed = Observed {
        stack_traces: Some(StackTraces {
            count: 2,
            after_ms: 0.1,
            first_line: "panic: x".to_owned(),
            error_line: Some("x".to_owned()),
        }),
        truncated_line: Some("GET".to_owned()),
        resources: Some(Resources {
            peak_before: usage,
            at_signal: usage,
            peak_after: Some(usage),
            before_exit: Some(usage),
        }),
        left_behind: vec![LeftFile { path: "/tmp/a".to_owned(), kind: LeftKind::PidFile }],
        accept_queues: vec![AcceptQueue {
            address: "127.0.0.1:80".to_owned(),
            connections: 3,
            before_close_ms: 0.1,
            closed_after_ms: 0.2,
        }],
    };
    record.logged = Some(LoggedIds { unanswered: [1_400_000].into(), answered: 3, answered_in_output: 3 });
    record.report = Some(serde_json::json!({"schema": 3, "phases": [null, 1.5]}));
    let traffic = &mut record.traffic;
    traffic.idle_closed = 3;
    (traffic.unasked, traffic.unasked_after) = (2, 1);
    traffic.last_trouble = Some("no port".to_owned());
    traffic.bound_reached = Some(At(77));
    traffic.held = vec![
        HeldConnection { phase: Phase::Idle, held: Ok(()), closed_unused: true },
        HeldConnection {
            phase: Phase::HalfBody,
            held: Err("no POST route".to_owned()),
            closed_unused: false,
        },
    ];
    traffic.requests.push(request(1_400_000, Outcome::Unanswered { close: Close::Reset }));
    let readiness = Some(("127.0.0.1:80".parse().unwrap(), "/readyz".to_owned()));
    let liveness = Some(("127.0.0.1:81".parse().unwrap(), "/livez".to_owned()));
    let then = Some(SecondSignal { signal: StopSignal::INT, after: Duration::from_millis(400) });
    let min_lame_duck = Duration::from_secs(5);
    let statuses = Terms { allow_status: vec![503], expect_status: vec![401], ..terms() };
    let (to_all, at) = (true, StopAt::Idle);
    (record, Terms { readiness, liveness, phases: true, then, min_lame_duck, at, to_all, ..statuses })
}

fn judged(text: &str) -> Result<Vec<RunVerdict>, BadRecord> {
    let mut reader = RecordReader::new(text.as_bytes())?;
    let mut verdicts = Vec::new();
    while let Some(run) = reader.next_run()? {
        verdicts.push(judge(&run.record, &run.terms));
    }
    Ok(verdicts)
}

fn refusal(text: &str) -> BadRecord {
    judged(text).expect_err("the record is not complete")
}

#[test]
fn a_record_is_read_back_as_it_was_written() {
    let (record, terms) = rich();
    let text = recorded(&[(record.clone(), terms.clone()), (good(), terms.clone())]);
    let mut reader = RecordReader::new(text.as_bytes()).unwrap();
    assert_eq!(reader.header(), &header());
    let run = reader.next_run().unwrap().unwrap();
    assert_eq!(run.record, record);
    assert_eq!(format!("{:?}", run.terms), format!("{terms:?}"));
    assert_eq!(run.output_tail, ["stopping"]);
    assert_eq!(reader.next_run().unwrap().unwrap().record, good());
    assert!(reader.next_run().unwrap().is_none());
    assert_eq!(reader.verdict(), Some(Verdict::Fail));
}

proptest! {
    #[test]
    fn any_requests_are_judged_alike_before_and_after_the_file(
        requests in proptest::collection::vec(any_request(), 0..60),
        signalled in 0..5_000_u64,
    ) {
        let mut record = Record { signalled: At(signalled), ..good() };
        record.traffic.requests = requests;
        let text = recorded(&[(record.clone(), terms())]);
        prop_assert_eq!(judged(&text).unwrap(), [judge(&record, &terms())]);
    }
}

/// A record of a version that knew only the signal.
#[test]
fn a_record_without_the_fields_of_later_versions_is_read() {
    let text = recorded(&[(good(), terms())]);
    let fields = ["at", "min_lame_duck", "then", "pre_stop", "second_signal", "observed"];
    let old: Vec<String> = text
        .lines()
        .map(|line| {
            let mut line: serde_json::Value = serde_json::from_str(line).unwrap();
            if matches!(line["event"].as_str(), Some("terms" | "process")) {
                line.as_object_mut().unwrap().retain(|name, _| !fields.contains(&name.as_str()));
            }
            line.to_string()
        })
        .collect();
    assert_eq!(judged(&old.join("\n")).unwrap(), [judge(&good(), &terms())]);
}

#[test]
fn a_record_without_any_one_of_its_lines_is_refused() {
    let text = recorded(&[rich(), (good(), terms())]);
    let lines: Vec<&str> = text.lines().collect();
    for missing in 0..lines.len() {
        let mut rest = lines.clone();
        rest.remove(missing);
        refusal(&rest.join("\n"));
    }
    // A repeated line would count a request twice.
    for twice in 0..lines.len() {
        let mut more = lines.clone();
        more.insert(twice, lines[twice]);
        refusal(&more.join("\n"));
    }
}

#[test]
fn a_record_that_is_cut_anywhere_is_refused() {
    let text = recorded(&[rich()]);
    for length in 0..text.len() - 1 {
        refusal(&text[..length]);
    }
    // The last newline may be missing.
    assert!(judged(text.trim_end()).is_ok());
    let cut = refusal(&text[..text.len() - 9]);
    assert_eq!(
        (cut.line, cut.to_string().as_str()),
        (text.lines().count() as u64, "the record ends before its verdict")
    );
}

#[test]
fn a_bad_line_is_named_with_its_place() {
    let text = recorded(&[rich()]);
    let says = |old: &str, new: &str| {
        assert!(text.contains(old), "{old}");
        let bad = refusal(&text.replacen(old, new, 1));
        format!("{}:{}: {bad}", bad.line, bad.column.unwrap_or_default())
    };
    assert_eq!(
        says("\"version\":1", "\"version\":9"),
        "1:0: unsupported version 9 of the record: this build reads 1"
    );
    assert_eq!(
        says("\"event\":\"record\"", "\"event\":\"request\""),
        "1:0: not a record of a rehearsal: the first line is not a header"
    );
    assert_eq!(says("\"event\":\"held\"", "\"event\":\"gone\""), "14:0: unexpected event `gone`");
    assert_eq!(
        says("\"signal\":\"SIGTERM\"", "\"signal\":\"SIGFOO\""),
        "2:0: invalid terms: unknown signal SIGFOO"
    );
    assert_eq!(says("\"refused\"", "refused"), "6:221: invalid line: expected value");
    assert!(
        says("\"begun\":1500000", "\"gone\":1500000").ends_with("invalid request: missing field `begun`")
    );
    assert!(
        says("{\"run\":1,\"event\":\"traffic\"", "{\"run\":2,\"event\":\"traffic\"")
            .ends_with("run 2 where run 1 was expected")
    );
    let empty = refusal("");
    assert_eq!((empty.line, empty.to_string().as_str()), (1, "the record is empty"));
}
