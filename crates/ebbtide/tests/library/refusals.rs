//! What a program passes to a lifecycle that cannot be meant: refused at the start, with one line that says what it is.
#![expect(clippy::unwrap_used, reason = "a panic in a helper fails its test")]

use ebbtide::model::Cause;
use ebbtide::{BoxError, Handle, LameDuck, Lifecycle, Report};

use crate::own_process;

/// Runs `child` in a process of its own without a subscriber, and returns the lines that it logged; `None` in that process.
fn logged(test: &str, child: impl FnOnce()) -> Option<Vec<String>> {
    if own_process::is_child() {
        child();
        return None;
    }
    let output = own_process::command(test).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{said}");
    let levels = ["ERROR ", "WARN ", "test: error: ", " : error: "];
    Some(
        said.lines()
            .filter(|line| levels.iter().any(|level| line.starts_with(level)))
            .map(str::to_owned)
            .collect(),
    )
}

fn run<F>(lifecycle: Lifecycle, start_up: F) -> Report
where
    F: AsyncFnOnce(Handle) -> Result<(), BoxError>,
{
    lifecycle.lame_duck(LameDuck::NONE).run_to_report(start_up).unwrap()
}

#[test]
fn no_worker_thread_and_no_name_are_refused_before_the_start() {
    let test = "refusals::no_worker_thread_and_no_name_are_refused_before_the_start";
    let said = logged(test, || {
        for lifecycle in [Lifecycle::new("test").worker_threads(0), Lifecycle::new(" ")] {
            assert!(lifecycle.run_to_report(async |_| Ok(())).is_err());
        }
        // The opposite.
        let report = run(Lifecycle::new("test").worker_threads(1), async |app| {
            app.stop("enough");
            Ok(())
        });
        assert_eq!(report.exit_code, 0);
    });
    if let Some(said) = said {
        let lines = [
            "test: error: invalid number of worker threads 0: must be at least 1",
            " : error: invalid name of the lifecycle: must not be empty",
        ];
        assert_eq!(said, lines);
    }
}

#[test]
fn a_component_without_a_name_fails_the_start_and_what_was_opened_is_closed() {
    let test = "refusals::a_component_without_a_name_fails_the_start_and_what_was_opened_is_closed";
    let said = logged(test, || {
        let report = run(Lifecycle::new("test"), async |app| {
            app.resource("db", (), async |()| Ok(()));
            app.workers("", 1, async |(): (), _| Ok(()));
            Ok(())
        });
        let error = "invalid name of a component of the stage workers: must not be empty";
        assert_eq!(report.cause, Some(Cause::StartUpFailed { error: error.to_owned() }));
        assert_eq!(report.exit_code, 1);
        assert!(report.components.iter().any(|component| component.name == "db"), "{report:?}");
    });
    if let Some(said) = said {
        assert_eq!(
            said,
            ["test: error: invalid name of a component of the stage workers: must not be empty"]
        );
    }
}

#[test]
fn a_failed_start_is_one_error() {
    let said = logged("refusals::a_failed_start_is_one_error", || {
        let report = run(Lifecycle::new("test"), async |app| {
            app.resource("db", (), async |()| Ok(()));
            Err("no broker".into())
        });
        assert_eq!(report.exit_code, 1);
    });
    if let Some(said) = said {
        assert_eq!(said, ["ERROR ebbtide: component failed component=\"start-up\" error=\"no broker\""]);
    }
}

/// The opposite: what fails beside the start-up is in a line of the exit.
#[test]
fn a_failed_start_whose_resource_fails_too_ends_with_an_error() {
    let test = "refusals::a_failed_start_whose_resource_fails_too_ends_with_an_error";
    let said = logged(test, || {
        run(Lifecycle::new("test"), async |app| {
            app.resource("db", (), async |()| Err("not closed".into()));
            Err("no broker".into())
        });
    });
    if let Some(said) = said {
        assert_eq!(said.len(), 3, "{said:?}");
        assert!(said[2].contains("lifecycle exited") && said[2].contains("db (failed)"), "{said:?}");
    }
}

#[test]
fn two_components_of_one_name_and_stage_are_a_warning() {
    let said = logged("refusals::two_components_of_one_name_and_stage_are_a_warning", || {
        let report = run(Lifecycle::new("test"), async |app| {
            app.resource("db", (), async |()| Ok(()));
            app.resource("db", (), async |()| Ok(()));
            // The opposite: another stage, and tasks that may end by themselves.
            app.workers("db", 1, async |(): (), _| Ok(()));
            app.once("upload", async |_| Ok(()));
            app.once("upload", async |_| Ok(()));
            app.stop("enough");
            Ok(())
        });
        assert_eq!(report.exit_code, 0);
        assert_eq!(report.components.iter().filter(|component| component.name == "db").count(), 3);
    });
    if let Some(said) = said {
        let line = "WARN ebbtide: two components have the same name lifecycle=\"test\" component=\"db\" stage=\"resources\"";
        assert_eq!(said, [line]);
    }
}
