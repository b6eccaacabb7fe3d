use std::collections::BTreeSet;

use super::entry::{Server, servers};
use super::rehearse::rehearse;
use crate::failure::Failure;
use crate::interruption;
use crate::shell::{self, say};
use crate::steps::Steps;

/// Rehearses the named servers, or all, and compares each verdict with the expected one.
///
/// # Errors
///
/// When something cannot be installed, or a verdict is not the expected one.
pub(crate) fn run(steps: &mut Steps, names: &[String]) -> Result<(), Failure> {
    let servers = chosen(names)?;
    interruption::heed()?;
    let provided = steps.run("servers of the zoo", || provide(&servers));
    let built = steps.run("build of the command", build);
    if provided.is_none() || built.is_none() {
        return Ok(());
    }
    steps.run("rehearsals", || rehearse_all(&servers));
    Ok(())
}

fn chosen(names: &[String]) -> Result<Vec<Server>, Failure> {
    let mut servers = servers()?;
    if let Some(unknown) = names.iter().find(|name| !servers.iter().any(|server| server.name == **name)) {
        let known: Vec<&str> = servers.iter().map(|server| server.name.as_str()).collect();
        return Err(Failure::Usage(format!(
            "no such server: {unknown}; the servers are: {}",
            known.join(", ")
        )));
    }
    servers.retain(|server| names.is_empty() || names.contains(&server.name));
    Ok(servers)
}

fn provide(servers: &[Server]) -> Result<(), Failure> {
    let needs: BTreeSet<_> = servers.iter().flat_map(|server| server.needs.iter().copied()).collect();
    needs.into_iter().try_for_each(super::install::Need::provide)
}

/// Built as the tests build it, so that nothing is compiled twice.
fn build() -> Result<(), Failure> {
    shell::run(&mut shell::cargo(&["build", "--workspace", "--all-features", "--bin", "ebbtide"]))
}

/// One line for each rehearsal as soon as it is judged, and the evidence where it differs.
fn rehearse_all(servers: &[Server]) -> Result<(), Failure> {
    let mut differing = Vec::new();
    let of = servers.iter().map(|server| server.rehearsals.len()).sum::<usize>();
    let all = servers.iter().flat_map(|server| server.rehearsals.iter().map(move |one| (server, one)));
    for (number, (server, rehearsal)) in all.enumerate() {
        let name = format!("{} ({}, {})", server.name, rehearsal.setup, rehearsal.load.name());
        say(&format!("[{}/{of}] {name} …", number + 1));
        let reported = rehearse(server, rehearsal)?;
        let differences = reported.differences(&rehearsal.expected, rehearsal.load);
        let failed = match reported.failed() {
            none if none.is_empty() => String::new(),
            failed => format!(": {}", failed.join(", ")),
        };
        let code = reported.exit_code.map_or_else(|| "a signal".to_owned(), |code| code.to_string());
        let word = if differences.is_empty() { "as expected" } else { "DIFFERS" };
        say(&format!("    {word}: exit code {code}, {} lost{failed}", reported.lost()));
        if !differences.is_empty() {
            let expected = rehearsal.expected.verdict.name();
            say(&format!("      expected {expected}: {} ({})", rehearsal.why, server.source));
            differences.iter().for_each(|line| say(&format!("      {line}")));
            reported.evidence().iter().for_each(|line| say(&format!("        {line}")));
            differing.push(format!("{name}: {}", differences.join("; ")));
        }
    }
    say(&format!("{} of {of} verdicts as expected", of - differing.len()));
    Failure::unless_empty("verdicts differ from those in tests/zoo", differing)
}
