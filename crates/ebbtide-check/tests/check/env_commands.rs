//! Commands that the program `env` runs: a shell stays in front of them as of any other.

use crate::common::{check_all, check_text, ids, shown};

#[test]
fn a_command_behind_env_counts_as_the_command_itself() {
    for (name, text, rule) in [
        ("Dockerfile", "FROM debian:12\nCMD @@node server.js\n", "D001"),
        ("Dockerfile", "FROM debian:12\nCMD [\"sh\", \"-c\", \"cd . && @@./app\"]\n", "D002"),
        ("Dockerfile", "FROM alpine:3\nCMD [\"sh\", \"-c\", \"@@./app | cat\"]\n", "D002"),
        ("compose.yaml", "services:\n  a: {image: a, command: [sh, -c, '@@app; true']}\n", "D002"),
        ("a.service", "[Service]\nKillMode=mixed\nExecStart=/bin/sh -c \"@@/bin/a; true\"\n", "S008"),
    ] {
        for env in ["", "env A=1 ", "env -i -u B /usr/bin/env A=1 "] {
            let report = check_text(name, &text.replace("@@", env));
            assert!(ids(&report).contains(&rule), "{env}{rule}\n{}", shown(&report));
        }
        let report = check_text(
            name,
            &text.replace("@@", "env; exec env A=1 ").replace("; true", "").replace(" | cat", ""),
        );
        assert_eq!(ids(&report), [""; 0], "{text}\n{}", shown(&report));
    }
}

#[test]
fn the_command_behind_env_is_shown_rather_than_what_runs_before_it() {
    let image = "FROM debian:12\nCOPY start.sh /\nENTRYPOINT [\"/start.sh\"]\n";
    let last = "env NODE_ENV=production node server.js";
    let report =
        check_all(&[("Dockerfile", image), ("start.sh", &format!("#!/bin/sh\n./migrate\n{last}\n"))]);
    let place = report.active().find(|finding| finding.rule.id == "D003").unwrap().place().unwrap();
    let text = report.sources.get(place.source).unwrap().text();
    assert_eq!(&text[place.start()..place.end()], last);
    // Alone it prints the environment and ends.
    let report = check_all(&[("Dockerfile", image), ("start.sh", "#!/bin/sh\nexec node server.js\nenv\n")]);
    assert_eq!(ids(&report), [""; 0], "{}", shown(&report));
}
