//! Images that Compose builds and other platforms run.

use crate::common::{check_all, ids, shown};

const DOCKERFILE: (&str, &str) = ("api/Dockerfile", "FROM debian:12\nENV EBBTIDE_GRACE=60s\nCMD [\"api\"]\n");

fn compose(image: &str, more: &str) -> String {
    format!("services:\n  api:\n    image: {image}\n    build: ./api\n    stop_grace_period: 60s\n{more}")
}

fn pod(image: &str, more: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Pod\nmetadata: {{name: api}}\nspec:\n  containers:\n    - name: api\n      image: {image}\n{more}"
    )
}

fn check(built: &str, run: &str) -> Vec<&'static str> {
    let (compose, pod) = (compose(built, ""), pod(run, ""));
    let report = check_all(&[("compose.yaml", &compose), ("deploy/pod.yaml", &pod), DOCKERFILE]);
    let found = ids(&report);
    assert!(found.iter().all(|id| *id == "K001"), "{}", shown(&report));
    found
}

#[test]
fn what_the_dockerfile_declares_counts_where_its_image_runs() {
    for (built, run, expected) in [
        ("registry.example:5000/shop/api:dev", "registry.example:5000/shop/api:1.4", &["K001"][..]),
        ("shop/api", "shop/api@sha256:1f", &["K001"]),
        // The opposite: another repository, and a name that may be any image.
        ("registry.example/shop/api", "registry.example/shop/web", &[]),
        ("registry.example/shop/api", "other.example/shop/api", &[]),
        ("api", "api:1.4", &[]),
        ("shop/api", "${IMAGE}", &[]),
    ] {
        assert_eq!(check(built, run), expected, "{built} {run}");
    }
}

#[test]
fn what_the_manifest_sets_replaces_what_the_image_has() {
    let compose = compose("shop/api", "");
    let own = pod("shop/api", "      env: [{name: EBBTIDE_GRACE, value: 12s}]\n");
    let report = check_all(&[("compose.yaml", &compose), ("pod.yaml", &own), DOCKERFILE]);
    assert_eq!(ids(&report), [""; 0], "{}", shown(&report));
}

#[test]
fn a_name_that_two_builds_have_says_nothing() {
    let twice = compose(
        "shop/api",
        "  other:\n    image: shop/api:two\n    build: ./other\n    stop_grace_period: 60s\n",
    );
    let other = ("other/Dockerfile", "FROM debian:12\nCMD [\"other\"]\n");
    let report =
        check_all(&[("compose.yaml", &twice), ("pod.yaml", &pod("shop/api", "")), DOCKERFILE, other]);
    assert_eq!(ids(&report), [""; 0], "{}", shown(&report));
}
