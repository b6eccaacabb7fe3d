//! Prints the settings that fit a service's plan.

use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use ebbtide_check::render::{self, Target};
use ebbtide_check::{ServicePlan, read_text};
use ebbtide_rehearse::words::chain;

use crate::exit::Ending;
use crate::output::complain;

/// Print the settings of a platform that fit a service's plan
///
/// A service that is built with Ebbtide prints its plan for EBBTIDE_PLAN=json and exits. This command turns it into settings
/// to paste: the grace period, the probes, a preStop hook only if the lame duck is too short, the deregistration delay, and
/// the variables that give the service the same plan there. Comments show the course of a stop. `ebbtide check` finds
/// nothing in them.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct PlanArgs {
    /// Plan of the service; `-` is standard input
    ///
    /// A plan whose times contradict each other, such as a stage that ends after the deadline, is refused.
    #[arg(value_name = "FILE", default_value = "-")]
    file: PathBuf,

    /// Platform that the settings are for
    ///
    /// kubernetes: a patch of the Deployment. ecs: resources of a CloudFormation template. compose: a service of a Compose
    /// file. systemd: a drop-in of the unit. nomad: a job.
    #[arg(long = "for", value_name = "PLATFORM", value_enum)]
    target: Platform,

    /// Name of the service: letters, digits and `-`
    #[arg(long, value_name = "NAME", default_value = "service", value_parser = name)]
    name: String,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Platform {
    Kubernetes,
    Ecs,
    Compose,
    Systemd,
    Nomad,
}

impl From<Platform> for Target {
    fn from(platform: Platform) -> Self {
        match platform {
            Platform::Kubernetes => Self::Kubernetes,
            Platform::Ecs => Self::Ecs,
            Platform::Compose => Self::Compose,
            Platform::Systemd => Self::Systemd,
            Platform::Nomad => Self::Nomad,
        }
    }
}

const EXAMPLES: &str = "\
Examples:
  EBBTIDE_PLAN=json ./orders | ebbtide plan --for kubernetes --name orders
  ebbtide plan --for systemd --name orders plan.json";

/// Runs `ebbtide plan`.
pub(crate) fn run(args: &PlanArgs) -> Ending {
    let is_stdin = args.file == Path::new("-");
    let source = if is_stdin { "standard input".to_owned() } else { args.file.display().to_string() };
    let text = match read(&args.file) {
        Ok(text) => text,
        Err(error) => {
            complain(&format!("cannot read {source}: {error}"), None);
            return Ending::Usage;
        }
    };
    let plan = match ServicePlan::parse(None, &source, &text) {
        Ok(plan) => plan,
        Err(error) => {
            complain(&chain(&error), Some("a service prints its plan for EBBTIDE_PLAN=json"));
            return Ending::Usage;
        }
    };
    let settings = render::settings(&plan, args.target.into(), &args.name);
    match io::stdout().write_all(settings.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            complain(&format!("cannot write to stdout: {error}"), None);
            Ending::Usage
        }
        _ => Ending::Passed,
    }
}

fn read(file: &Path) -> io::Result<String> {
    if file == Path::new("-") {
        let mut text = String::new();
        io::stdin().lock().read_to_string(&mut text)?;
        Ok(text)
    } else {
        read_text(file)
    }
}

/// Parses a name that every platform accepts.
fn name(text: &str) -> Result<String, String> {
    let is_inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let is_name = text.len() <= 63
        && text.bytes().all(is_inner)
        && text.starts_with(|letter: char| letter.is_ascii_lowercase())
        && !text.ends_with('-');
    if is_name {
        Ok(text.to_owned())
    } else {
        Err("expected up to 63 lower case letters, digits and `-`, a letter first".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use ebbtide_check::{Options, Report, Severity, Sources, check};
    use ebbtide_core::model::{Budget, LameDuck, Plan, Platform as CorePlatform};
    use proptest::prelude::*;

    use super::*;

    const TARGETS: [Target; 5] =
        [Target::Kubernetes, Target::Ecs, Target::Compose, Target::Systemd, Target::Nomad];

    fn printed(plan: &Plan, target: Target) -> String {
        let json = serde_json::to_string(plan).unwrap();
        render::settings(&ServicePlan::parse(None, "plan.json", &json).unwrap(), target, "orders")
    }

    /// Checks what is printed, on Kubernetes with a Service and an Ingress that lead to it, on Nomad with a service behind a proxy.
    fn checked(text: &str) -> Report {
        let routed = text.replace(
            "      annotations:\n        ebbtide",
            "      labels: {app: orders}\n      annotations:\n        ebbtide",
        );
        let routed = routed.replace(
            "    task \"",
            "    service {\n      name = \"orders\"\n      tags = [\"traefik.enable=true\"]\n    }\n\n    task \"",
        );
        let routes = "apiVersion: v1\nkind: Service\nmetadata: {name: orders}\nspec:\n  selector: {app: orders}\n  ports: [{port: 80}]\n---\n\
                      apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: orders}\nspec:\n  defaultBackend: {service: {name: orders, \
                      port: {number: 80}}}\n";
        let mut sources = Sources::new();
        sources.add("settings", routed);
        sources.add("routes.yaml", routes);
        check(sources, &Options::default())
    }

    fn plans() -> impl Strategy<Value = Plan> {
        let platforms = prop_oneof![
            Just(CorePlatform::Kubernetes),
            Just(CorePlatform::Ecs),
            Just(CorePlatform::Systemd),
            Just(CorePlatform::Plain),
        ];
        // From fractions of a second to days, whole seconds and others.
        let millis = prop_oneof![
            100_u64..5000,
            5000_u64..200_000,
            (1_u64..100_000).prop_map(|seconds| seconds * 1000)
        ];
        let duck = prop::option::of((0_u64..30_000, 0_u64..3000, 0_u64..30_000));
        (platforms, prop::option::of(millis), prop::option::of(0_u64..10_000), duck).prop_filter_map(
            "the budget does not fit",
            |(platform, grace, margin, duck)| {
                let time = Duration::from_millis;
                let mut budget = Budget::of(platform);
                budget.grace = grace.map(time);
                budget.margin = margin.map(time);
                budget.lame_duck = duck.map(|(min, quiet, more)| LameDuck {
                    min: time(min),
                    quiet: time(quiet),
                    max: time(min + more),
                });
                budget.plan().ok()
            },
        )
    }

    proptest! {
        #[test]
        fn the_check_finds_nothing_in_what_is_printed(plan in plans()) {
            for target in TARGETS {
                let text = printed(&plan, target);
                let report = checked(&text);
                // K023 is about every grace period above 10 min.
                let found: Vec<_> = report
                    .active()
                    .filter(|finding| finding.severity > Severity::Info || finding.rule.id != "K023")
                    .map(|finding| format!("{} {}", finding.rule.id, finding.title))
                    .collect();
                prop_assert!(found.is_empty() && report.problems.is_empty(), "{:?}\n{}", found, text);
                prop_assert!(report.workloads >= 1, "{}", text);
            }
        }
    }

    /// The opposite: with a second less than what is printed, the check finds the overrun.
    #[test]
    fn the_printed_grace_period_is_what_the_check_asks_for() {
        let mut budget = Budget::of(CorePlatform::Plain);
        budget.grace = Some(Duration::from_secs(30));
        budget.margin = Some(Duration::from_secs(2));
        let plan = budget.plan().unwrap();
        for (target, own, less, rule) in [
            (Target::Kubernetes, "PeriodSeconds: 35", "PeriodSeconds: 34", "K001"),
            (Target::Ecs, "StopTimeout: 30", "StopTimeout: 29", "E002"),
            (Target::Compose, "stop_grace_period: 30s", "stop_grace_period: 29s", "C001"),
            (Target::Systemd, "TimeoutStopSec=30s", "TimeoutStopSec=29s", "S001"),
            (Target::Nomad, "kill_timeout = \"30s\"", "kill_timeout = \"29s\"", "N001"),
        ] {
            let text = printed(&plan, target);
            assert!(text.contains(own), "{text}");
            let report = checked(&text.replace(own, less));
            assert!(report.active().any(|finding| finding.rule.id == rule), "{rule}");
        }
    }

    // A change of the snapshot is a change that readers see.
    #[test]
    fn the_settings_of_each_platform_are_as_reviewed() {
        let plan = Budget::of(CorePlatform::Kubernetes).plan().unwrap();
        insta::assert_snapshot!("kubernetes", printed(&plan, Target::Kubernetes));
        let plan = Budget::of(CorePlatform::Plain).plan().unwrap();
        insta::assert_snapshot!("kubernetes_with_hook", printed(&plan, Target::Kubernetes));
        insta::assert_snapshot!("ecs", printed(&plan, Target::Ecs));
        insta::assert_snapshot!("compose", printed(&plan, Target::Compose));
        insta::assert_snapshot!("systemd", printed(&plan, Target::Systemd));
        insta::assert_snapshot!("nomad", printed(&plan, Target::Nomad));
    }

    /// The opposite: without the comment that says what the clients need, a longer kill timeout is found.
    #[test]
    fn what_the_clients_of_nomad_need_is_said() {
        let mut budget = Budget::of(CorePlatform::Plain);
        budget.grace = Some(Duration::from_secs(700));
        let text = printed(&budget.plan().unwrap(), Target::Nomad);
        assert!(text.contains("client { max_kill_timeout = \"700s\" }"), "{text}");
        assert!(text.contains("progress_deadline = \"1005s\""), "{text}");
        for (own, other, rule) in
            [("ebbtide:ignore N002", "as it is", "N002"), ("progress_deadline = \"1005s\"", "", "N003")]
        {
            let report = checked(&text.replace(own, other));
            assert!(report.active().any(|finding| finding.rule.id == rule), "{rule}");
        }
        let without_duck = text.replace("\"ebbtide.dev/lame-duck\"", "\"other\"");
        for (delay, is_found) in [("5s", false), ("4s", true)] {
            let report = checked(
                &without_duck.replace("shutdown_delay = \"5s\"", &format!("shutdown_delay = \"{delay}\"")),
            );
            assert_eq!(report.active().any(|finding| finding.rule.id == "N004"), is_found, "{delay}");
        }
    }

    #[test]
    fn a_name_that_a_platform_refuses_is_refused() {
        for text in ["orders", "a", "a-1"] {
            assert_eq!(name(text).as_deref(), Ok(text));
        }
        for text in ["", "-a", "a-", "1a", "A", "a b", "a\nb: c", "ä", &"a".repeat(64)] {
            assert!(name(text).is_err(), "{text:?}");
        }
    }
}
