//! What a kustomization patches is what its patches make of it.

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

/// Returns the ways in which a kustomization has a patch of the grace period: in the file `patch.yaml`, which is this one, or in itself.
fn graces(seconds: u32) -> (String, Vec<String>) {
    let patch = PATCH.replace("60", &seconds.to_string());
    let inline = patch.replace('\n', "\n      ");
    let forms = vec![
        "patches: [{path: patch.yaml}]".to_owned(),
        "patches: [{path: ./patch.yaml, target: {kind: Deployment}}]".to_owned(),
        "patches: [{path: patch.yaml, target: {group: apps, version: v1, kind: Deployment, name: api}}]"
            .to_owned(),
        "patches: [{path: patch.yaml, target: {name: .*}}]".to_owned(),
        "patchesStrategicMerge: [patch.yaml]".to_owned(),
        format!("patches:\n  - patch: |-\n      {inline}"),
        format!("patchesStrategicMerge:\n  - |-\n      {inline}"),
        format!(
            "patches:\n  - target: {{name: api}}\n    patch: |-\n      - {{op: add, path: /spec/template/spec/terminationGracePeriodSeconds, value: \
             {seconds}}}"
        ),
        format!(
            "patchesJson6902:\n- target: {{version: v1, kind: Deployment, name: api}}\n  patch: |\n    - op: add\n      path: \
             \"/spec/template/spec/terminationGracePeriodSeconds\"\n      value: {seconds}"
        ),
    ];
    (patch, forms)
}

#[test]
fn a_grace_period_that_a_kustomization_patches_is_that_of_the_patch() {
    let (patch, forms) = graces(60);
    for patches in forms {
        let (found, shown) = checked(&format!("resources: [d.yaml]\n{patches}\n"), &patch);
        assert_eq!(found, [""; 0], "{patches}\n{shown}");
        assert!(!shown.contains("not read"), "{patches}\n{shown}");
    }
    let (patch, forms) = graces(35);
    for patches in forms {
        let kustomization = format!("resources: [d.yaml]\n{patches}\n");
        let files =
            [("k/kustomization.yaml", &*kustomization), ("k/d.yaml", DEPLOYMENT), ("k/patch.yaml", &patch)];
        let report = check_all(&files);
        let finding = report.active().find(|finding| finding.rule.id == "K001").unwrap();
        let place = finding.place().unwrap();
        let name = report.sources.name(place);
        let line = report.sources.get(place.source).unwrap().line(report.sources.position(place).line);
        let file = if kustomization.contains("patch.yaml") { "k/patch.yaml" } else { "k/kustomization.yaml" };
        assert!(name == file && line.contains("35"), "{patches}: {name} {line}");
        assert!(finding.fix.is_none(), "an edit of a patch is none of the workload");
    }
}

#[test]
fn a_grace_period_that_a_patch_sets_for_some_resources_is_not_known() {
    for target in [
        "kind: Deployment, name: a.*",
        "labelSelector: tier=a",
        "name: api, namespace: x",
        "version: v1beta1",
    ] {
        let kustomization =
            format!("resources: [d.yaml]\npatches: [{{path: patch.yaml, target: {{{target}}}}}]\n");
        let (found, shown) = checked(&kustomization, PATCH);
        assert_eq!(found, [""; 0], "{target}\n{shown}");
        let note = "not read: grace period of Deployment api is patched by k/kustomization.yaml";
        assert!(shown.contains(note) && shown.contains("--render"), "{target}\n{shown}");
    }
}

/// A deployment of two containers, whose hook takes no time and whose service drains for 10 s.
const SERVICE: &str = "\
apiVersion: apps/v1
kind: Deployment
metadata: {name: api}
spec:
  template:
    spec:
      containers:
        - name: proxy
          image: proxy
        - name: api
          image: gunicorn-api
          ports: [{containerPort: 80}]
          args: [gunicorn, --graceful-timeout, \"10\"]
          env:
            - {name: A, value: b}
            - {name: EBBTIDE_GRACE, value: 12s}
          lifecycle:
            preStop: {sleep: {seconds: 5}}
";

const HEAD: &str = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: api}\nspec:\n  template:\n    spec:\n      containers:\n        - name: api\n";

/// Returns the rules that find something in the service with a patch, each with the text of the line of its places, and the whole output.
fn patched(base: &str, kustomization: &str, patch: &str) -> (Vec<(&'static str, Vec<String>)>, String) {
    let kustomization = format!("resources: [d.yaml]\n{kustomization}\n");
    let files = [("k/kustomization.yaml", &*kustomization), ("k/d.yaml", base), ("k/patch.yaml", patch)];
    let report = check_all(&files);
    let line = |place: ebbtide_check::Place| {
        let source = report.sources.get(place.source).unwrap();
        format!("{}: {}", source.name(), source.line(report.sources.position(place).line).trim())
    };
    let of_rules = report.active().filter(|finding| ["K001", "K002"].contains(&finding.rule.id));
    let found = of_rules
        .map(|finding| (finding.rule.id, finding.labels.iter().map(|label| line(label.place)).collect()));
    (found.collect(), shown(&report))
}

#[test]
fn patches_of_containers_are_applied_and_findings_are_where_the_value_is() {
    let service = SERVICE.replace("args: [gunicorn, --graceful-timeout, \"10\"]", "command: [serve]");
    let json = |operations: &str| {
        format!("patches:\n  - target: {{kind: Deployment, name: api}}\n    patch: |-\n      {operations}")
    };
    let containers = "/spec/template/spec/containers";
    for (base, patch, json, rule, line) in [
        (
            SERVICE,
            "          lifecycle: {preStop: {sleep: {seconds: 40}}}",
            None,
            "K002",
            "lifecycle: {preStop",
        ),
        (
            SERVICE,
            "",
            Some(json(&format!(
                "- {{op: replace, path: {containers}/1/lifecycle/preStop/sleep/seconds, value: 40}}"
            ))),
            "K002",
            "- {op: replace",
        ),
        (SERVICE, "          args: [gunicorn, --graceful-timeout, \"60\"]", None, "K001", "args: [gunicorn"),
        (
            SERVICE,
            "",
            Some(json(&format!("- {{op: replace, path: {containers}/1/args/2, value: \"60\"}}"))),
            "K001",
            "- {op: replace",
        ),
        (
            &service,
            "          env:\n            - name: EBBTIDE_GRACE\n              value: 60s",
            None,
            "K001",
            "value: 60s",
        ),
        (
            &service,
            "",
            Some(json(&format!(
                "- op: replace\n        path: {containers}/1/env/1/value\n        value: 60s"
            ))),
            "K001",
            "value: 60s",
        ),
        (
            &service,
            "",
            Some(json(&format!(
                "- op: remove\n        path: {containers}/1/env/1\n      - op: add\n        path: {containers}/1/env/-\n        \
                 value: {{name: EBBTIDE_GRACE, value: 60s}}"
            ))),
            "K001",
            "value: {name: EBBTIDE_GRACE, value: 60s}",
        ),
        (
            SERVICE,
            "",
            Some(json("- {op: add, path: /metadata/annotations, value: {ebbtide.dev/drain: 50s}}")),
            "K001",
            "- {op: add",
        ),
    ] {
        let kustomization = json.clone().unwrap_or_else(|| "patches: [{path: patch.yaml}]".to_owned());
        let file = if json.is_some() { "k/kustomization.yaml" } else { "k/patch.yaml" };
        let (found, shown) = patched(base, &kustomization, &format!("{HEAD}{patch}\n"));
        let places: Vec<&String> =
            found.iter().filter(|(id, _)| *id == rule).flat_map(|(_, lines)| lines).collect();
        let expected = format!("{file}: {line}");
        assert!(
            places.iter().any(|place| place.starts_with(&expected)),
            "{kustomization}{patch}: {places:?}\n{shown}"
        );
        assert!(!shown.contains("is patched by"), "{shown}");
        // Without it nothing is found.
        let none = patched(base, "", "");
        assert_eq!(none.0, [], "{}", none.1);
    }
}

#[test]
fn what_a_patch_removes_or_shortens_is_not_found() {
    let long = SERVICE.replace("seconds: 5", "seconds: 40");
    assert_eq!(patched(&long, "", "").0.first().map(|(id, _)| *id), Some("K002"));
    let hook = format!("{HEAD}          lifecycle: null\n");
    let remove = "patches:\n  - target: {kind: Deployment}\n    patch: |-\n      - op: remove\n        path: \
                  /spec/template/spec/containers/1/lifecycle";
    for (kustomization, patch) in [
        ("patches: [{path: patch.yaml}]", hook.as_str()),
        (
            "patches: [{path: patch.yaml}]",
            &format!("{HEAD}          lifecycle: {{preStop: {{sleep: {{seconds: 3}}}}}}\n"),
        ),
        (remove, ""),
    ] {
        let (found, shown) = patched(&long, kustomization, patch);
        assert_eq!(found, [], "{kustomization}{patch}\n{shown}");
        assert!(!shown.contains("is patched by"), "{shown}");
    }
}

#[test]
fn what_a_patch_makes_of_a_workload_is_a_note_if_it_is_not_certain() {
    let json = |operation: &str| {
        format!("patches:\n  - target: {{kind: Deployment, name: api}}\n    patch: |-\n      - {operation}")
    };
    let file = "patches: [{path: patch.yaml}]".to_owned();
    let containers = "/spec/template/spec/containers";
    for (kustomization, patch) in [
        (file.clone(), format!("{HEAD}          $patch: delete\n")),
        (
            file.clone(),
            format!(
                "{HEAD}          env:\n            - $patch: replace\n            - {{name: B, value: c}}\n"
            ),
        ),
        (file.clone(), format!("{HEAD}          $setElementOrder/env: [{{name: A}}]\n")),
        (json(&format!("{{op: test, path: {containers}/1/args/0, value: gunicorn}}")), String::new()),
        (
            json(&format!("{{op: move, from: {containers}/1/args, path: {containers}/1/command}}")),
            String::new(),
        ),
        (json(&format!("{{op: replace, path: {containers}/2/args, value: []}}")), String::new()),
        (json(&format!("{{op: replace, path: {containers}/1/command, value: [a]}}")), String::new()),
        (json(&format!("{{op: remove, path: {containers}/0/lifecycle}}")), String::new()),
        (json(&format!("{{op: add, path: {containers}/01/lifecycle, value: {{}}}}")), String::new()),
    ] {
        let (found, shown) = patched(SERVICE, &kustomization, &patch);
        assert_eq!(found, [], "{kustomization}{patch}\n{shown}");
        let note = "not read: Deployment api is patched by k/kustomization.yaml";
        assert!(shown.contains(note), "{kustomization}{patch}\n{shown}");
    }
    // The lists of a custom resource are replaced as a whole.
    let rollout = SERVICE.replace("apps/v1", "argoproj.io/v1alpha1").replace("Deployment", "Rollout");
    let patch = format!("{HEAD}          args: [b]\n")
        .replace("apps/v1", "argoproj.io/v1alpha1")
        .replace("Deployment", "Rollout");
    assert!(patched(&rollout, &file, &patch).1.contains("Rollout api is patched by"));
}

/// Each environment has a workload of its own, and a finding that all of them have is one.
#[test]
fn a_base_is_checked_as_each_of_its_overlays_makes_it() {
    let base = ("base/kustomization.yaml", "resources: [d.yaml]\npatches: [{path: hook.yaml}]\n");
    let hook = format!("{HEAD}          lifecycle: {{preStop: {{sleep: {{seconds: 15}}}}}}\n");
    let service = SERVICE.replace("\"10\"", "\"20\"");
    let grace = |seconds: u32| PATCH.replace("60", &seconds.to_string());
    let overlay = "resources: [../base]\npatches: [{path: grace.yaml}]\n";
    let found = |development: u32, production: u32| {
        let (development, production) = (grace(development), grace(production));
        let report = check_all(&[
            base,
            ("base/d.yaml", &service),
            ("base/hook.yaml", &hook),
            ("dev/kustomization.yaml", overlay),
            ("dev/grace.yaml", &development),
            ("prod/kustomization.yaml", overlay),
            ("prod/grace.yaml", &production),
        ]);
        assert!(report.problems.is_empty(), "{}", shown(&report));
        let found = report.active().filter(|finding| finding.rule.id == "K001");
        found.map(|finding| report.sources.name(finding.place().unwrap()).to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(found(60, 60), [""; 0]);
    assert_eq!(found(25, 60), ["dev/grace.yaml"]);
    assert_eq!(found(60, 36), ["prod/grace.yaml"]);
    assert_eq!(found(30, 36), ["dev/grace.yaml", "prod/grace.yaml"]);
    // An overlay without a patch is made of the base as it is, and so is another one.
    let plain = ("a/kustomization.yaml", "resources: [../base]\n");
    let other = ("b/kustomization.yaml", "resources: [../base]\n");
    let report = check_all(&[base, ("base/d.yaml", &service), ("base/hook.yaml", &hook), plain, other]);
    assert_eq!(report.active().filter(|finding| finding.rule.id == "K001").count(), 1, "{}", shown(&report));
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
fn a_workload_whose_patch_is_not_in_the_input_is_left_out_with_a_note() {
    let missing =
        "resources: [d.yaml]\npatches: [{path: elsewhere.yaml, target: {kind: Deployment, name: api}}]\n";
    let (found, shown) = checked(missing, "");
    assert_eq!(found, [""; 0], "{shown}");
    assert!(shown.contains("not read: Deployment api is patched by k/kustomization.yaml"), "{shown}");
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

/// What they make of a resource is not computed.
#[test]
fn a_workload_that_a_kustomization_may_change_otherwise_is_left_out() {
    let replacement = |target: &str| {
        format!(
            "replacements:\n- source: {{kind: ConfigMap, name: c, fieldPath: data.grace}}\n  targets:\n  - select: {target}\n    fieldPaths: \
             [spec.template.spec.terminationGracePeriodSeconds]"
        )
    };
    for (field, is_changed) in [
        (replacement("{kind: Deployment}"), true),
        (replacement("{kind: Deployment, name: api}"), true),
        (replacement("{kind: Deployment, name: web}"), false),
        ("replacements: [{path: r.yaml}]".to_owned(), true),
        ("transformers: [t.yaml]".to_owned(), true),
        ("components: [../missing]".to_owned(), true),
        ("commonAnnotations: {ebbtide.dev/drain: 5s}".to_owned(), true),
        ("commonAnnotations: {team: shop}".to_owned(), false),
        ("vars: [{name: A, objref: {kind: ConfigMap, name: c}}]".to_owned(), false),
        ("namePrefix: a-".to_owned(), false),
    ] {
        let (found, shown) = checked(&format!("resources: [d.yaml]\n{field}\n"), "");
        assert_eq!(found.is_empty(), is_changed, "{field}\n{shown}");
        assert_eq!(shown.contains("Deployment api may be changed by "), is_changed, "{field}\n{shown}");
    }
}

#[test]
fn what_a_kustomization_generates_is_noted_and_the_rest_is_checked() {
    for (field, is_noted) in [
        ("helmCharts: [{name: redis, repo: 'https://example.org'}]\nhelmGlobals: {chartHome: charts}", true),
        ("generators: [g.yaml]", true),
        ("helmCharts: []", false),
        ("configMapGenerator: [{name: a, literals: [b=c]}]", false),
    ] {
        let (found, shown) = checked(&format!("resources: [d.yaml]\n{field}\n"), "");
        assert_eq!(found, ["K001"], "{field}\n{shown}");
        let note = "generates is in no file: --render checks it";
        assert_eq!(shown.contains(note) && shown.contains("not read: what `"), is_noted, "{field}\n{shown}");
    }
}
