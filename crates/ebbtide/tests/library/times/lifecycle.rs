//! The settings of a lifecycle.

use std::time::Duration;

use ebbtide::model::Stage;
use ebbtide::{LameDuck, Lifecycle};

use super::support::End::{Closed, Refused};
use super::support::{End, VALUES, count_panics, live, panics, serve};
use crate::own_process;

type Set = fn(Lifecycle, Duration) -> Lifecycle;

/// Each setting, and what becomes of a lifecycle with zero, a nanosecond, and the longest time that there is.
const SETTINGS: [(&str, Set, [End; 3]); 14] = [
    ("grace", Lifecycle::grace, [Refused, Refused, Closed(0)]),
    ("margin", Lifecycle::margin, [Closed(0), Closed(0), Refused]),
    ("lame_duck exactly", |l, t| l.lame_duck(LameDuck::exactly(t)), [Closed(0), Closed(0), Refused]),
    ("lame_duck min", |l, t| l.lame_duck(duck(t, ZERO, t.max(SHORT))), [Closed(0), Closed(0), Refused]),
    ("lame_duck quiet", |l, t| l.lame_duck(duck(ZERO, t, SHORT)), [Closed(0), Closed(0), Closed(0)]),
    ("lame_duck max", |l, t| l.lame_duck(duck(ZERO, ZERO, t)), [Closed(0), Closed(0), Refused]),
    ("lame_duck in a grace period without end", without_end, [Closed(0), Closed(0), Closed(0)]),
    ("reserve intake", |l, t| l.reserve(Stage::Intake, t), [Closed(0), Closed(0), Refused]),
    ("reserve servers", |l, t| l.reserve(Stage::Servers, t), [Closed(0), Closed(0), Refused]),
    ("reserve workers", |l, t| l.reserve(Stage::Workers, t), [Closed(0), Closed(0), Refused]),
    ("reserve resources", |l, t| l.reserve(Stage::Resources, t), [Closed(0), Closed(0), Refused]),
    ("reserve telemetry", |l, t| l.reserve(Stage::Telemetry, t), [Closed(0), Closed(0), Refused]),
    ("signal_guard", Lifecycle::signal_guard, [Closed(0), Closed(0), Closed(0)]),
    ("progress_every", Lifecycle::progress_every, [Closed(0), Closed(0), Closed(0)]),
];

const ZERO: Duration = Duration::ZERO;
const SHORT: Duration = Duration::from_millis(30);

const fn duck(min: Duration, quiet: Duration, max: Duration) -> LameDuck {
    LameDuck { min, quiet, max }
}

fn without_end(lifecycle: Lifecycle, time: Duration) -> Lifecycle {
    lifecycle.grace(Duration::MAX).lame_duck(duck(ZERO, time, SHORT)).progress_every(time)
}

#[test]
fn no_time_of_a_lifecycle_costs_its_shutdown() {
    own_process::run("times::lifecycle::no_time_of_a_lifecycle_costs_its_shutdown", || {
        count_panics();
        for (name, set, expected) in SETTINGS {
            let ends = VALUES.map(|value| {
                let lifecycle = Lifecycle::new("times").lame_duck(LameDuck::NONE);
                live(set(lifecycle, value), async |app| {
                    serve(app);
                    Ok(())
                })
            });
            assert_eq!((ends, panics()), (expected, 0), "{name}");
        }
    });
}

#[test]
fn a_huge_time_of_the_environment_is_refused_by_name() {
    const NAME: &str = "times::lifecycle::a_huge_time_of_the_environment_is_refused_by_name";
    if own_process::is_child() {
        assert_eq!(live(Lifecycle::new("times"), async |_| Ok(())), Refused);
        return;
    }
    for variable in ["EBBTIDE_GRACE", "EBBTIDE_MARGIN", "EBBTIDE_LAME_DUCK"] {
        for value in ["18446744073709551615s", "1e300", "99999999999999999999999h", "86400001s"] {
            let output = own_process::command(NAME).env(variable, value).output().expect("it starts");
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(output.status.success(), "{variable}={value}: {said}");
            assert!(said.contains(variable) && said.contains(value), "{variable}={value}: {said}");
        }
    }
}
