//! Generated files, which may be one line of many megabytes.

use ebbtide_check::render::{Look, text};
use ebbtide_check::{Options, Severity, fix};

use crate::common::check_text;

/// Pods in one line, whose grace period is too short.
fn pods(count: usize) -> String {
    let pod = |at: usize| {
        format!(
            "{{\"apiVersion\": \"v1\", \"kind\": \"Pod\", \"metadata\": {{\"name\": \"p{at}\", \"annotations\": {{\"ebbtide.dev/drain\": \"60s\"}}}}, \"spec\": \
             {{\"containers\": [{{\"name\": \"a\", \"image\": \"a\"}}]}}}}"
        )
    };
    let items = (0..count).map(pod).collect::<Vec<_>>().join(", ");
    format!("{{\"apiVersion\": \"v1\", \"kind\": \"List\", \"items\": [{items}]}}")
}

/// Returns the time of the processor that this process has had, in hundredths of a second: others that run beside it do not count.
fn processor_time() -> u64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields = stat.rsplit(')').next().unwrap().split_whitespace();
    fields.skip(11).take(2).map(|field| field.parse::<u64>().unwrap()).sum()
}

fn check_and_fix(name: &str, input: &str, count: usize) {
    let report = check_text(name, input);
    assert_eq!(report.findings.len(), count);
    assert!(text(&report, Look::default()).contains("K001"));
    let fixed = fix(report, &Options::default(), Severity::Warning);
    assert_eq!((fixed.applied.len(), fixed.report.findings.len()), (count, 0));
}

/// What looks at the whole line for each finding takes ten times as long as ten shorter lines.
#[test]
fn a_line_takes_about_as_long_as_ten_lines_of_a_tenth() {
    for name in ["a.json", "a.yaml"] {
        let time = |count: usize, times: usize| {
            let input = pods(count);
            let begin = processor_time();
            (0..times).for_each(|_| check_and_fix(name, &input, count));
            processor_time() - begin
        };
        let (short, long) = (time(200, 10), time(2_000, 1));
        assert!(long < short * 2, "{name}: {short} {long}");
    }
}
