//! A file that is named alone, and what the program that uses it reads beside it.

use ebbtide_check::{Options, Report, Severity, Sources, check, fix};

use crate::common::{check_all, ids, shown};

/// Checks the first file as the user names it, with the others as its neighbours.
fn with_neighbours(files: &[(&str, &str)]) -> Report {
    let mut sources = Sources::new();
    for (at, (name, text)) in files.iter().enumerate() {
        let id = sources.add(*name, *text);
        if at == 0 { sources.require(id) } else { sources.mark_neighbour(id) }
    }
    check(sources, &Options::default())
}

const UNIT: (&str, &str) =
    ("web.service", "[Service]\nExecStart=/bin/web\nX-EbbtideDrain=60s\nTimeoutStopSec=30\n");

#[test]
fn a_named_file_has_the_findings_that_it_has_beside_its_neighbours() {
    let base = ("compose.yaml", "services:\n  web:\n    image: web\n    labels: {ebbtide.dev/drain: 60s}\n");
    for (files, alone) in [
        ([UNIT, ("web.service.d/stop.conf", "[Service]\nTimeoutStopSec=90\n")], "S001"),
        ([UNIT, ("service.d/stop.conf", "[Service]\nTimeoutStopSec=90\n")], "S001"),
        ([base, ("compose.override.yaml", "services:\n  web:\n    stop_grace_period: 90s\n")], "C001"),
    ] {
        assert_eq!(ids(&with_neighbours(&files[..1])), [alone]);
        let report = with_neighbours(&files);
        assert!(report.findings.is_empty() && report.problems.is_empty(), "{}", shown(&report));
    }
}

#[test]
fn what_a_neighbour_makes_of_the_file_is_found_and_what_it_has_alone_is_not() {
    let unit = ("web.service", "[Service]\nExecStart=/bin/web\nX-EbbtideDrain=60s\n");
    let drop_in = ("web.service.d/stop.conf", "[Service]\nTimeoutStopSec=5\n");
    assert_eq!(ids(&with_neighbours(&[unit])), [""; 0]);
    assert_eq!(ids(&with_neighbours(&[unit, drop_in])), ["S001"]);
    assert_eq!(ids(&with_neighbours(&[drop_in, unit])), ["S001"]);
    // The place is the drop-in's alone, and the finding is about the unit that is named.
    let kill = ("web.service.d/kill.conf", "[Service]\nKillMode=none\n");
    assert_eq!(ids(&with_neighbours(&[unit, kill])), ["S003"]);
    // Nothing that the drop-in is about.
    let none = ("web.service.d/a.conf", "[Service]\nNice=5\n");
    assert_eq!(ids(&with_neighbours(&[none, UNIT])), [""; 0]);
    let base = ("compose.yaml", "services:\n  web:\n    image: web\n");
    let over = (
        "compose.override.yaml",
        "services:\n  web: {init: true}\n  db:\n    image: db\n    labels: {ebbtide.dev/drain: 60s}\n",
    );
    assert_eq!(ids(&with_neighbours(&[base, over])), [""; 0]);
    assert_eq!(ids(&with_neighbours(&[over, base])), ["C001"]);
}

#[test]
fn a_neighbour_is_not_fixed_and_fails_the_check_if_it_cannot_be_read() {
    let base = ("compose.yaml", "services:\n  web:\n    image: web\n    labels: {ebbtide.dev/drain: 60s}\n");
    let over = ("compose.override.yaml", "services:\n  web:\n    stop_grace_period: 20s\n");
    let report = with_neighbours(&[base, over]);
    assert_eq!(ids(&report), ["C001"]);
    assert!(fix(report, &Options::default(), Severity::Info).before.is_empty());
    assert_eq!(fix(with_neighbours(&[over, base]), &Options::default(), Severity::Info).before.len(), 1);
    let broken = with_neighbours(&[base, ("compose.override.yaml", "services: [\n")]);
    assert!(broken.is_incomplete(), "{}", shown(&broken));
    // A note about the neighbour is none about the file.
    let noted =
        with_neighbours(&[UNIT, ("web.service.d/a.conf", "# ebbtide:ignore S001\n[Service]\nNice=5\n")]);
    assert_eq!((noted.problems.len(), ids(&noted)), (0, vec!["S001"]), "{}", shown(&noted));
}

#[test]
fn drop_ins_are_applied_by_their_names_and_to_the_units_of_their_folders() {
    let grace = |files: &[(&str, &str)]| {
        let report = check_all(files);
        assert!(report.problems.is_empty(), "{}", shown(&report));
        let found = report.active().filter(|finding| finding.rule.id == "S001");
        found
            .map(|finding| format!("{} {}", finding.subject, finding.arithmetic.clone().unwrap()))
            .collect::<Vec<_>>()
    };
    let unit = |name| (name, "[Service]\nExecStart=/bin/web\nX-EbbtideDrain=60s\nTimeoutStopSec=90\n");
    let short = |name| (name, "[Service]\nTimeoutStopSec=20\n");
    let long = |name| (name, "[Service]\nTimeoutStopSec=80\n");
    let found = |subject: &str| {
        vec![format!(
            "unit {subject} 60 (drain, from X-EbbtideDrain) + 2 (margin) = 62 > 20 (TimeoutStopSec)"
        )]
    };
    // The name of the file decides, and of one name the folder that is more specific.
    for (first, second, is_short) in [
        (short("service.d/10-a.conf"), long("shop-web.service.d/20-a.conf"), false),
        (long("shop-web.service.d/10-a.conf"), short("service.d/20-a.conf"), true),
        (short("service.d/a.conf"), long("shop-web.service.d/a.conf"), false),
        (long("service.d/a.conf"), short("shop-.service.d/a.conf"), true),
    ] {
        let expected = if is_short { found("shop-web.service") } else { Vec::new() };
        assert_eq!(grace(&[unit("shop-web.service"), first, second]), expected, "{first:?} {second:?}");
    }
    // Another type, another folder, another name.
    for other in
        ["container.d/a.conf", "b/service.d/a.conf", "shop-.service.d/a.conf", "web2.service.d/a.conf"]
    {
        assert_eq!(grace(&[unit("web.service"), short(other)]), [""; 0], "{other}");
    }
    assert_eq!(grace(&[unit("web@.service"), short("web@.service.d/a.conf")]), found("web@.service"));
    assert_eq!(grace(&[unit("web@.service"), short("web@1.service.d/a.conf")]), found("web@1.service"));
    // What is wrong with the template is said once, and an instance may mend it.
    let template = short("web@.service.d/a.conf");
    assert_eq!(
        grace(&[unit("web@.service"), template, ("web@1.service.d/b.conf", "[Service]\nNice=5\n")]),
        found("web@.service")
    );
    let all = [unit("web@.service"), template, long("web@1.service.d/b.conf")];
    assert_eq!(grace(&all), found("web@.service"));
}
