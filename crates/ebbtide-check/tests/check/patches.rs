//! What a kustomization patches is not what its files say.

use crate::common::{check_all, ids, shown};

const DEPLOYMENT: &str = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: api, annotations: {ebbtide.dev/drain: 40s}}\nspec:\n  template:\n    \
                          spec:\n      containers: [{name: api, image: api}]\n";

const PATCH: &str = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: api}\nspec: {template: {spec: {terminationGracePeriodSeconds: 60}}}\n";

fn checked(kustomization: &str, patch: &str) -> (Vec<&'static str>, String) {
    let files = [("k/kustomization.yaml", kustomization), ("k/d.yaml", DEPLOYMENT), ("k/patch.yaml", patch)];
    let report = check_all(&files);
    assert!(!report.is_incomplete());
    (ids(&report), shown(&report))
}

#[test]
fn a_grace_period_that_a_kustomization_patches_is_not_known() {
    let inline = PATCH.replace('\n', "\n      ");
    for patches in [
        "patches: [{path: patch.yaml}]".to_owned(),
        "patches: [{path: ./patch.yaml, target: {kind: Deployment}}]".to_owned(),
        "patches: [{path: patch.yaml, target: {kind: Deployment, name: a.*}}]".to_owned(),
        "patchesStrategicMerge: [patch.yaml]".to_owned(),
        format!("patches:\n  - patch: |-\n      {inline}"),
        "patches:\n  - target: {name: api}\n    patch: |-\n      - {op: add, path: /spec/template/spec/terminationGracePeriodSeconds, value: 60}"
            .to_owned(),
    ] {
        let (found, shown) = checked(&format!("resources: [d.yaml]\n{patches}\n"), PATCH);
        assert_eq!(found, [""; 0], "{patches}\n{shown}");
        let note = "not read: grace period of Deployment api is patched by k/kustomization.yaml";
        assert!(shown.contains(note) && shown.contains("--render"), "{patches}\n{shown}");
    }
}

#[test]
fn a_patch_of_another_resource_or_of_what_no_rule_reads_changes_nothing() {
    let image = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: api}\nspec: {template: {spec: {containers: [{name: api, image: b, resources: {}}]}}}\n";
    let other = PATCH.replace("name: api", "name: web");
    for patch in [image, &other, ""] {
        assert_eq!(
            checked("resources: [d.yaml]\npatches: [{path: patch.yaml}]\n", patch).0,
            ["K001"],
            "{patch}"
        );
    }
    assert_eq!(checked("resources: [d.yaml]\n", "").0, ["K001"]);
    assert_eq!(checked("resources: [other.yaml]\npatches: [{path: patch.yaml}]\n", PATCH).0, ["K001"]);
}

#[test]
fn a_workload_whose_containers_are_patched_is_left_out_with_a_note() {
    let hook = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: api}\nspec: {template: {spec: {containers: [{name: api, lifecycle: \
                {preStop: {sleep: {seconds: 90}}}}]}}}\n";
    let (found, shown) = checked("resources: [d.yaml]\npatches: [{path: patch.yaml}]\n", hook);
    assert_eq!(found, [""; 0], "{shown}");
    assert!(shown.contains("not read: Deployment api is patched by k/kustomization.yaml"), "{shown}");
    let missing =
        "resources: [d.yaml]\npatches: [{path: elsewhere.yaml, target: {kind: Deployment, name: api}}]\n";
    assert_eq!(checked(missing, "").0, [""; 0]);
}

#[test]
fn a_patch_of_what_is_not_in_the_input_is_noted() {
    let kustomization = "resources: ['https://example.org/base']\npatches: [{path: patch.yaml}]\n";
    let report = check_all(&[("k/kustomization.yaml", kustomization), ("k/patch.yaml", PATCH)]);
    assert!(shown(&report).contains("not read: patch of a kustomization"), "{}", shown(&report));
}

#[test]
fn overlays_and_components_patch_the_files_of_their_bases() {
    let base = ("base/kustomization.yaml", "resources: [d.yaml]\n");
    let patch = "kind: KIND\npatches: [{path: patch.yaml}]\n";
    let overlay = format!("resources: [../../base]\n{}", patch.replace("KIND", "Kustomization"));
    let deployment = ("base/d.yaml", DEPLOYMENT);
    let files =
        [base, deployment, ("overlays/a/kustomization.yaml", &*overlay), ("overlays/a/patch.yaml", PATCH)];
    assert_eq!(ids(&check_all(&files)), [""; 0]);
    let component = patch.replace("KIND", "Component");
    let overlay = "resources: [../base]\ncomponents: [../c]\n";
    let files = [
        base,
        deployment,
        ("o/kustomization.yaml", overlay),
        ("c/kustomization.yaml", &component),
        ("c/patch.yaml", PATCH),
    ];
    assert_eq!(ids(&check_all(&files)), [""; 0]);
    assert_eq!(ids(&check_all(&files[..2])), ["K001"]);
}
