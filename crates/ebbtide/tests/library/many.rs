//! Large numbers of components, tasks and files cost no more than linear time, and bounded output.
#![expect(clippy::panic, clippy::unwrap_used, reason = "a panic in a helper fails its test")]

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use ebbtide::{Handle, LameDuck, Lifecycle, Report, Stage};

use crate::own_process;

#[test]
fn thirty_thousand_temporary_files_are_one_component_and_all_are_removed() {
    const NAME: &str = "many::thirty_thousand_temporary_files_are_one_component_and_all_are_removed";
    own_process::run(NAME, || {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().to_owned();
        let report = Lifecycle::new("many").lame_duck(LameDuck::NONE).run_to_report(async move |app| {
            for number in 0..30_000 {
                let file = path.join(number.to_string());
                std::fs::write(&file, "")?;
                app.temporary(file)?;
            }
            app.stop("enough");
            Ok(())
        });
        let report = report.unwrap();
        let names: Vec<_> = report.components.iter().map(|component| component.name.as_str()).collect();
        assert_eq!((names, report.exit_code), (vec!["start-up", "temporary files"], 0));
        assert!(report.stop < report.plan.deadline, "{:?}", report.stop);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "none is left");
    });
}

/// Writes the number of this process's threads into a file, if it is the maximum so far.
fn note_threads(most: &AtomicUsize, file: &Path) {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let threads = status.lines().find_map(|line| line.strip_prefix("Threads:"));
    let threads = threads.and_then(|count| count.trim().parse().ok()).unwrap_or(usize::MAX);
    if most.fetch_max(threads, Ordering::SeqCst) < threads {
        let _ = std::fs::write(file, threads.to_string());
    }
}

/// A lifecycle with many exit actions and flushers, some of which fail, and a runtime that hangs.
fn run_many_exit_actions(folder: &Path) {
    let (most, file) = (Arc::new(AtomicUsize::new(0)), folder.join("threads"));
    let lifecycle = Lifecycle::new("many").lame_duck(LameDuck::NONE).grace(Duration::from_secs(12));
    let report = lifecycle.run_to_report(async |app: Handle| {
        for number in 0..500 {
            let path = folder.join(format!("temporary-{number}"));
            std::fs::write(&path, "")?;
            app.temporary(path)?;
        }
        for number in 0..500 {
            let (seen, path) = (Arc::clone(&most), file.clone());
            app.at_exit(format!("last {number}"), move |_| {
                note_threads(&seen, &path);
                if number % 10 == 0 { Err("it fails".into()) } else { Ok(()) }
            });
            let (seen, path) = (Arc::clone(&most), file.clone());
            app.on_flush(format!("flusher {number}"), move || note_threads(&seen, &path));
        }
        // They block every thread of the runtime, including the dispatcher's.
        for _ in 0..std::thread::available_parallelism()?.get() * 2 {
            app.once("hangs", async |_| {
                std::thread::sleep(Duration::from_secs(600));
                Ok(())
            });
        }
        app.stop("enough");
        Ok(())
    });
    panic!("the watchdog ends the process: {report:?}");
}

#[test]
fn the_forced_path_limits_threads_and_log_lines_for_many_actions() {
    const NAME: &str = "many::the_forced_path_limits_threads_and_log_lines_for_many_actions";
    const FOLDER: &str = "EBBTIDE_TEST_FOLDER";
    if own_process::is_child() {
        return run_many_exit_actions(Path::new(&std::env::var_os(FOLDER).unwrap()));
    }
    let folder = tempfile::tempdir().unwrap();
    let output = own_process::command(NAME).env(FOLDER, folder.path()).output().unwrap();
    let (said, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(4), "{said}\n{errors}");
    let threads: usize = std::fs::read_to_string(folder.path().join("threads")).unwrap().parse().unwrap();
    assert!(threads < 300, "{threads} threads at once");
    let lines = said.lines().count() + errors.lines().count();
    assert!(lines < 100, "{lines} lines:\n{said}\n{errors}");
    assert!(errors.contains("more flushers failed or exceeded the deadline"), "{errors}");
    let left = std::fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(left, 1, "all temporary files were removed, but the one that counts threads");
}

#[test]
fn a_hundred_thousand_ended_tasks_take_no_memory() {
    const NAME: &str = "many::a_hundred_thousand_ended_tasks_take_no_memory";
    own_process::run(NAME, || {
        let resident = Arc::new(AtomicUsize::new(0));
        let seen = Arc::clone(&resident);
        let report = Lifecycle::new("many").lame_duck(LameDuck::NONE).run_to_report(async move |app| {
            let tasks = app.tasks("spawned");
            // Warm-up: memory that the allocator keeps is in both figures.
            spawn_and_wait(&app, &tasks, 1000).await;
            let before = resident_kb();
            spawn_and_wait(&app, &tasks, 100_000).await;
            seen.store(resident_kb().saturating_sub(before), Ordering::SeqCst);
            app.stop("enough");
            Ok(())
        });
        let report = report.unwrap();
        let names: Vec<_> = report.components.iter().map(|component| component.name.as_str()).collect();
        assert_eq!(
            (names, report.ended_by_themselves, report.exit_code),
            (vec!["start-up", "spawned"], 101_000, 0)
        );
        let grown = resident.load(Ordering::SeqCst);
        assert!(grown < 20_000, "{grown} KB for 200,000 tasks that have ended");
    });
}

/// Runs `count` tasks with `once` and as many spawned ones, a few at a time, and waits until they have ended.
async fn spawn_and_wait(app: &Handle, tasks: &ebbtide::lifecycle::Tasks, count: usize) {
    let done = Arc::new(AtomicUsize::new(0));
    let before = app.snapshot().ended_by_themselves;
    for number in 0..count {
        let (one, other) = (Arc::clone(&done), Arc::clone(&done));
        app.once("once", async move |_| {
            one.fetch_add(1, Ordering::SeqCst);
            Ok(())
        });
        let spawned = tasks.spawn(async move {
            other.fetch_add(1, Ordering::SeqCst);
            Ok(())
        });
        spawned.unwrap();
        if number % 100 == 0 {
            // Until the lifecycle has processed their ends: a task that has ended uses memory until then.
            while done.load(Ordering::SeqCst) + 200 < 2 * number
                || app.snapshot().ended_by_themselves + 200 < before + number as u64
                || tasks.in_flight() > 200
            {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        }
    }
    while app.snapshot().ended_by_themselves < before + count as u64 || tasks.in_flight() > 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

fn resident_kb() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|size| size.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(usize::MAX)
}

#[test]
fn a_shutdown_with_many_open_tasks_takes_linear_time() {
    const NAME: &str = "many::a_shutdown_with_many_open_tasks_takes_linear_time";
    own_process::run(NAME, || {
        let stop_of = |count: usize| {
            // The grace period is no limit on a busy machine.
            let lifecycle = Lifecycle::new("many").lame_duck(LameDuck::NONE).grace(Duration::from_secs(300));
            let report = lifecycle.run_to_report(async move |app| {
                for number in 0..count {
                    app.once(format!("task {number}"), async |stop: ebbtide::Stop| {
                        stop.stopping().await;
                        Ok(())
                    });
                }
                app.stop("enough");
                Ok(())
            });
            let report = report.unwrap();
            assert_eq!((report.components.len(), report.exit_code), (count + 1, 0));
            report.stop
        };
        // The minimum is the run that was disturbed least: on a busy machine it takes more rounds to find one.
        let (mut few, mut many) = (Duration::MAX, Duration::MAX);
        for _ in 0..10 {
            (few, many) = (few.min(stop_of(1000)), many.min(stop_of(20_000)));
            if many < few * 60 {
                break;
            }
        }
        // Linear growth would be 20, quadratic 400.
        assert!(many < few * 100, "1000 in {few:?}, 20000 in {many:?}");
    });
}

/// Open tasks are named in part and counted in full: the report is written in time, and no line grows with them.
#[test]
fn twenty_thousand_tasks_at_the_deadline_leave_a_report_and_short_lines() {
    const NAME: &str = "many::twenty_thousand_tasks_at_the_deadline_leave_a_report_and_short_lines";
    const COUNT: u64 = 20_000;
    if own_process::is_child() {
        // The tasks are cancelled after some 2 s of the 25 before the deadline: a slow machine has the rest to end them.
        let lifecycle = Lifecycle::new("many")
            .lame_duck(LameDuck::NONE)
            .grace(Duration::from_secs(30))
            .reserve(Stage::Resources, Duration::from_secs(21));
        let _code = lifecycle.run(async |app| {
            let tasks = app.tasks("audit");
            for _ in 0..COUNT {
                tasks.spawn(async {
                    std::future::pending::<()>().await;
                    Ok(())
                })?;
            }
            app.stop("enough");
            Ok(())
        });
        println!("the lifecycle returned");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("report.json");
    let output = own_process::command(NAME).env("EBBTIDE_REPORT", &path).output().unwrap();
    let (said, error) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("the lifecycle returned"), "{}: {said}\n{error}", output.status);
    let report: Report = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    let audit = report.component("audit").unwrap();
    // On a busy machine some may not have ended when the lifecycle gives up.
    assert_eq!((report.exit_code, audit.cancelled + audit.in_flight, audit.unaccounted()), (3, COUNT, 0));
    assert_eq!(audit.stragglers.len(), 100);
    let longest = error.lines().map(str::len).max().unwrap_or_default();
    assert!(error.contains("20000") && longest < 2000, "{longest}: {error}");
}
