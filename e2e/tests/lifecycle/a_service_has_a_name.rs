//! The program of all services runs the one that its first argument names, and no other.

use std::process::Command;

use ebbtide_e2e::service_program;

#[test]
fn an_unknown_or_missing_name_is_refused_with_the_list() {
    for arguments in [&[][..], &["nothing"], &["--listen", "shapes"]] {
        let output = Command::new(service_program()).args(arguments).output().expect("it starts");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0), "{arguments:?}: {said}");
        assert!(["shapes", "victim", "worker"].iter().all(|name| said.contains(name)), "{said}");
    }
}
