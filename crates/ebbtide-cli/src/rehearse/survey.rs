//! Finds out about a service by starting it once: for a rehearsal without `--ready`, and for `--init`.

use std::io;

use ebbtide_rehearse::{NotRehearsed, Program, Ready, Scenario, Survey, SurveyScope, survey};
use tokio::sync::Notify;

use super::signals::Signals;
use crate::exit::Ending;
use crate::output;

/// Surveys the service of `scenario`. Prints the reason if that is not possible.
pub(super) fn surveyed(scenario: &Scenario, scope: SurveyScope) -> Result<Survey, Ending> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let outcome = runtime.and_then(|runtime| runtime.block_on(until_interrupted(scenario, scope)));
    match outcome {
        Ok(Ok(Ok(survey))) => Ok(survey),
        Ok(Ok(Err(error))) => {
            output::not_rehearsed(&error);
            Err(Ending::NotRehearsed)
        }
        Ok(Err(signal)) => {
            output::complain(&format!("interrupted; the service was {}", left(scenario)), None);
            Err(Ending::Interrupted(signal))
        }
        Err(error) => {
            output::not_rehearsed(&NotRehearsed::Io(error));
            Err(Ending::NotRehearsed)
        }
    }
}

async fn until_interrupted(
    scenario: &Scenario,
    scope: SurveyScope,
) -> io::Result<Result<Result<Survey, NotRehearsed>, i32>> {
    let mut signals = Signals::catch()?;
    let interrupted = Notify::new();
    Ok(signals.or(survey(scenario, scope, &interrupted), &interrupted).await)
}

/// Returns what an interrupted rehearsal did with the service.
pub(super) fn left(scenario: &Scenario) -> &'static str {
    if matches!(scenario.program, Program::Running(_)) { "left as it is" } else { "stopped" }
}

/// Returns `ready` as the option has it.
pub(super) fn option(ready: &Ready) -> String {
    match ready {
        Ready::Http(target, path) => target.url(path),
        Ready::Port(target) => target.name(),
        Ready::Managed => String::new(),
    }
}
