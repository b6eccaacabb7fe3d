//! Images that Compose, Skaffold or Bake builds and other platforms run.

use ebbtide_check::Severity;

use crate::common::{check_all, ids, shown};

const DOCKERFILE: (&str, &str) = ("api/Dockerfile", "FROM debian:12\nENV EBBTIDE_GRACE=60s\nCMD [\"api\"]\n");
const OTHER: (&str, &str) = ("other/Dockerfile", "FROM debian:12\nCMD [\"other\"]\n");

fn compose(image: &str, more: &str) -> String {
    format!("services:\n  api:\n    image: {image}\n    build: ./api\n    stop_grace_period: 60s\n{more}")
}

fn pod(image: &str, more: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Pod\nmetadata: {{name: api}}\nspec:\n  containers:\n    - name: api\n      image: {image}\n{more}"
    )
}

/// A workload of each platform that runs an image by its name, with the rule of its budget.
fn runs(image: &str) -> [(&'static str, String, &'static str); 6] {
    let task = format!(
        "{{\"family\": \"api\", \"containerDefinitions\": [{{\"name\": \"api\", \"image\": \"{image}\"}}]}}"
    );
    let job = format!(
        "job \"api\" {{\n  group \"api\" {{\n    task \"api\" {{\n      driver = \"docker\"\n      config {{ image = \"{image}\" }}\n    }}\n  }}\n}}\n"
    );
    let unit = format!("[Container]\nImage={image}\n");
    let cloud_run = format!(
        "apiVersion: serving.knative.dev/v1\nkind: Service\nmetadata: {{name: api, annotations: {{run.googleapis.com/ingress: all}}}}\nspec:\n  template:\n    \
         spec:\n      containers: [{{image: '{image}'}}]\n"
    );
    let app = format!(
        "{{\"type\": \"Microsoft.App/containerApps\", \"name\": \"api\", \"properties\": {{\"template\": {{\"containers\": [{{\"name\": \"api\", \"image\": \
         \"{image}\"}}]}}}}}}"
    );
    [
        ("deploy/pod.yaml", pod(image, ""), "K001"),
        ("deploy/task.json", task, "E002"),
        ("deploy/api.nomad.hcl", job, "N001"),
        ("deploy/api.container", unit, "Q001"),
        ("deploy/service.yaml", cloud_run, "P002"),
        ("deploy/app.json", app, "P003"),
    ]
}

/// Returns the findings of each platform about an image that is built by these files.
fn found(builds: &[(&str, &str)], image: &str) -> Vec<bool> {
    let found = runs(image).map(|(name, text, rule)| {
        let report = check_all(&[builds, &[(name, &text)]].concat());
        assert!(report.problems.is_empty(), "{}", shown(&report));
        let found = ids(&report);
        assert!(found.iter().all(|id| *id == rule), "{}", shown(&report));
        !found.is_empty()
    });
    found.to_vec()
}

fn check(built: &str, run: &str) -> Vec<bool> {
    found(&[("compose.yaml", &compose(built, "")), DOCKERFILE], run)
}

#[test]
fn what_the_dockerfile_declares_counts_where_its_image_runs() {
    for (built, run, expected) in [
        ("registry.example:5000/shop/api:dev", "registry.example:5000/shop/api:1.4", true),
        ("shop/api", "shop/api@sha256:1f", true),
        // The opposite: another repository, and a name that may be any image.
        ("registry.example/shop/api", "registry.example/shop/web", false),
        ("registry.example/shop/api", "other.example/shop/api", false),
        ("api", "api:1.4", false),
        ("shop/api", "${IMAGE}", false),
    ] {
        assert_eq!(check(built, run), [expected; 6], "{built} {run}");
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
    assert_eq!(found(&[("compose.yaml", &twice), DOCKERFILE, OTHER], "shop/api"), [false; 6]);
    let skaffold = skaffold("", "shop/api", "other", "");
    let both = [("compose.yaml", &*compose("shop/api", "")), ("skaffold.yaml", &skaffold), DOCKERFILE, OTHER];
    assert_eq!(found(&both, "shop/api"), [false; 6]);
    // Nor does one whose other build is not in the input.
    assert_eq!(found(&both[..3], "shop/api"), [false; 6]);
    let same = skaffold_text("shop/api", "api");
    let both = [("compose.yaml", &*compose("shop/api", "")), ("skaffold.yaml", &same), DOCKERFILE];
    assert_eq!(found(&both, "shop/api"), [true; 6]);
}

/// A configuration of Skaffold with one artifact, with more of it, and with more of the file.
fn skaffold(more: &str, image: &str, context: &str, artifact: &str) -> String {
    format!(
        "apiVersion: skaffold/v4beta11\nkind: Config\nbuild:\n  artifacts:\n    - image: {image}\n      context: {context}\n{artifact}{more}"
    )
}

fn skaffold_text(image: &str, context: &str) -> String {
    skaffold("", image, context, "")
}

#[test]
fn the_artifacts_of_skaffold_are_images_that_it_builds() {
    for (artifact, file, expected) in [
        ("", "api/Dockerfile", true),
        ("      docker: {dockerfile: prod/Dockerfile}\n", "api/prod/Dockerfile", true),
        ("      kaniko: {dockerfile: Dockerfile.prod}\n", "api/Dockerfile.prod", true),
        ("      docker: {target: app}\n", "api/Dockerfile", true),
        // The opposite: another file, another stage, no Dockerfile.
        ("      docker: {dockerfile: prod/Dockerfile}\n", "api/Dockerfile", false),
        ("      docker: {target: tools}\n", "api/Dockerfile", false),
        ("      buildpacks: {builder: example/base}\n", "api/Dockerfile", false),
        ("      jib: {}\n", "api/Dockerfile", false),
    ] {
        let text = skaffold("", "registry.example/shop/api", "api", artifact);
        let image = "FROM debian:12 AS tools\nFROM debian:12 AS app\nENV EBBTIDE_GRACE=60s\nCMD [\"api\"]\n";
        let files = [("skaffold.yaml", &*text), (file, image)];
        assert_eq!(found(&files, "registry.example/shop/api:1"), [expected; 6], "{artifact} {file}");
    }
}

#[test]
fn skaffold_gives_a_name_without_an_owner_a_meaning_below_its_folder() {
    let text = skaffold_text("api", "../api");
    let at = |path: &str| found(&[(path, &text), DOCKERFILE], "api");
    assert_eq!(at("deploy/skaffold.yaml"), [true; 6]);
    assert_eq!(at("tools/skaffold.yaml"), [false; 6]);
}

#[test]
fn a_profile_of_skaffold_with_another_dockerfile_makes_it_unknown() {
    let profile = |file: &str| {
        format!(
            "profiles:\n  - name: dev\n    build:\n      artifacts:\n        - image: shop/api\n          context: {file}\n"
        )
    };
    let with = |profile: &str| {
        let text = skaffold(profile, "shop/api", "api", "");
        found(&[("skaffold.yaml", &text), DOCKERFILE, OTHER], "shop/api")
    };
    assert_eq!(with(&profile("api")), [true; 6]);
    assert_eq!(with(&profile("other")), [false; 6]);
}

/// A base, and overlays that rename its image.
#[test]
fn kustomize_renames_images_of_the_files_that_it_is_made_of() {
    let built = ("compose.yaml", &*compose("registry.example/shop/api", ""));
    let base = ("base/kustomization.yaml", "resources:\n  - pod.yaml\n");
    let text = pod("api", "");
    let overlay = |name: &str, new: &str| {
        format!(
            "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources:\n  - ../../base\nimages:\n  - name: {name}\n    newName: {new}\n    newTag: \"1.4\"\n"
        )
    };
    let check = |overlays: &[(&str, &str)], path: &str| {
        let report = check_all(&[&[built, base, DOCKERFILE, (path, &text)], overlays].concat());
        assert!(report.problems.is_empty(), "{}", shown(&report));
        ids(&report)
    };
    let right = overlay("api", "registry.example/shop/api");
    let production = ("overlays/production/kustomization.yaml", &*right);
    assert_eq!(check(&[production], "base/pod.yaml"), ["K001"]);
    // The opposite: no overlay, one of another image, one of other files, two with the same name and with another one.
    assert_eq!(check(&[], "base/pod.yaml"), [""; 0]);
    let other = overlay("web", "registry.example/shop/api");
    assert_eq!(check(&[("overlays/a/kustomization.yaml", &other)], "base/pod.yaml"), [""; 0]);
    assert_eq!(check(&[production], "elsewhere/pod.yaml"), [""; 0]);
    assert_eq!(check(&[production, ("overlays/a/kustomization.yaml", &right)], "base/pod.yaml"), ["K001"]);
    let elsewhere = overlay("api", "mirror.example/shop/api");
    assert_eq!(
        check(&[production, ("overlays/a/kustomization.yaml", &elsewhere)], "base/pod.yaml"),
        ["K001"]
    );
    let two = compose(
        "registry.example/shop/api",
        "  other: {image: mirror.example/shop/api, build: ./other, stop_grace_period: 60s}\n",
    );
    let report = check_all(&[
        ("compose.yaml", &two),
        base,
        DOCKERFILE,
        OTHER,
        ("base/pod.yaml", &text),
        production,
        ("overlays/a/kustomization.yaml", &elsewhere),
    ]);
    assert_eq!(ids(&report), [""; 0], "{}", shown(&report));
}

#[test]
fn the_targets_of_bake_are_images_that_it_builds() {
    for (keys, expected) in [
        ("context = \"api\"\n  tags = [\"shop/api:dev\"]", true),
        ("context = \"api\"\n  tags = [\"shop/api:${TAG}\", \"shop/api:latest\"]", true),
        ("inherits = [\"base\"]\n  tags = [\"shop/api\"]", true),
        ("context = \".\"\n  dockerfile = \"api/Dockerfile\"\n  tags = [\"shop/api\"]", true),
        // The opposite.
        ("context = \"api\"\n  tags = [\"shop/web\"]", false),
        ("context = \"api\"\n  tags = [\"${REGISTRY}/shop/api\"]", false),
        ("context = \"api\"\n  target = \"tools\"\n  tags = [\"shop/api\"]", false),
        ("context = \"other\"\n  tags = [\"shop/api\"]", false),
        ("context = \"api\"\n  dockerfile-inline = \"FROM scratch\"\n  tags = [\"shop/api\"]", false),
        ("context = FOLDER\n  tags = [\"shop/api\"]", false),
        ("inherits = [\"api\", \"none\"]\n  tags = [\"shop/api\"]", false),
    ] {
        let text =
            format!("target \"base\" {{\n  context = \"api\"\n}}\n\ntarget \"api\" {{\n  {keys}\n}}\n");
        assert_eq!(found(&[("docker-bake.hcl", &text), DOCKERFILE], "shop/api:1"), [expected; 6], "{keys}");
    }
    let json = "{\"target\": {\"api\": {\"context\": \"api\", \"tags\": [\"shop/api:dev\"]}}}";
    assert_eq!(found(&[("docker-bake.json", json), DOCKERFILE], "shop/api"), [true; 6]);
    assert_eq!(found(&[("other.json", json), DOCKERFILE], "shop/api"), [false; 6]);
}

#[test]
fn a_shell_in_the_image_is_an_error_of_the_workload_that_runs_it() {
    let compose = compose("shop/api", "");
    let check = |image: &str, pod: &str| {
        let files = [("compose.yaml", &*compose), ("deploy/pod.yaml", pod), ("api/Dockerfile", image)];
        let report = check_all(&files);
        let found = report.active().filter(|finding| finding.severity == Severity::Error);
        found.map(|finding| finding.rule.id).collect::<Vec<_>>()
    };
    let plain = pod("shop/api", "");
    for (image, expected) in [
        ("FROM debian:12\nCMD api --port 80\n", &["X001"][..]),
        ("FROM debian:12\nCMD [\"sh\", \"-c\", \"api --port 80\"]\n", &["X001"]),
        ("FROM alpine:3.20\nCMD api --port 80 | tee /var/log/api\n", &["X001"]),
        // The opposite: the shell is replaced, its kind is not known, an init process is in front of it.
        ("FROM alpine:3.20\nCMD api --port 80\n", &[]),
        ("FROM debian:12\nCMD exec api --port 80\n", &[]),
        ("FROM acme/base:3\nCMD api --port 80\n", &[]),
        ("FROM debian:12\nENTRYPOINT [\"tini\", \"--\"]\nCMD [\"sh\", \"-c\", \"api --port 80\"]\n", &[]),
    ] {
        assert_eq!(check(image, &plain), expected, "{image}");
    }
    let image = "FROM debian:12\nCMD api --port 80\n";
    for more in ["      command: [api]\n", "      args: [api]\n", "  shareProcessNamespace: true\n"] {
        assert_eq!(check(image, &pod("shop/api", more)), [""; 0], "{more}");
    }
    // Arguments alone are those of the entry point.
    let arguments = pod("shop/api", "      args: [serve]\n");
    for (image, expected) in [
        ("FROM debian:12\nENTRYPOINT api --port 80\n", &["X001"][..]),
        ("FROM debian:12\nENTRYPOINT [\"sh\", \"-c\", \"api; true\"]\n", &["X001"]),
        ("FROM debian:12\nENTRYPOINT exec api\n", &[]),
        ("FROM debian:12\nENTRYPOINT [\"api\"]\nCMD a; b\n", &[]),
    ] {
        assert_eq!(check(image, &arguments), expected, "{image}");
    }
}

#[test]
fn a_script_in_the_image_without_exec_is_an_error_too() {
    let compose = compose("shop/api", "");
    let check_with = |more: &str, script: &str| {
        let files = [
            ("compose.yaml", &*compose),
            ("deploy/pod.yaml", &*pod("shop/api", more)),
            ("api/Dockerfile", "FROM acme/base:3\nCOPY start.sh /\nENTRYPOINT [\"/start.sh\"]\n"),
            ("api/start.sh", script),
        ];
        ids(&check_all(&files)).contains(&"X001")
    };
    let check = |script: &str| check_with("", script);
    assert!(check_with("      args: [api]\n", "#!/bin/sh\nmigrate\n\"$@\"\n"));
    assert!(!check_with("      args: [api]\n", "#!/bin/sh\nmigrate\nexec \"$@\"\n"));
    assert!(!check_with("      args: [$(MODE)]\n", "#!/bin/sh\nmigrate\n\"$@\"\n"));
    assert!(!check_with("      command: [api]\n", "#!/bin/sh\nmigrate\n\"$@\"\n"));
    assert!(check("#!/bin/sh\nmigrate\napi\n"));
    assert!(!check("#!/bin/sh\nmigrate\nexec api\n"));
    // A branch may be the one that runs.
    assert!(!check("#!/bin/sh\nif [ -n \"$DEBUG\" ]; then api --debug; else exec api; fi\n"));
}

#[test]
fn a_grace_period_is_compared_with_the_drain_of_another_environment() {
    let text = |image: &str, more: &str| {
        format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: api{more}}}\nspec:\n  containers: [{{name: api, image: {image}}}]\n"
        )
    };
    let drain = ", annotations: {ebbtide.dev/drain: 28s}";
    let longer = text("shop/api:1", ", annotations: {ebbtide.dev/drain: 29s}")
        .replace("spec:", "spec:\n  terminationGracePeriodSeconds: 60");
    for (here, there, expected) in [
        (text("shop/api:2", ""), longer.clone(), &["X003"][..]),
        // The opposite: it fits, it is another image, it declares a drain itself, the shortest of two fits.
        (text("shop/api:2", ""), text("shop/api:1", drain), &[]),
        (text("shop/web", ""), longer.clone(), &[]),
        (text("shop/api:2", drain), longer.clone(), &[]),
        (text("shop/api:2", ""), format!("{longer}---\n{}", text("shop/api:1", drain)), &[]),
    ] {
        let report = check_all(&[("staging/pod.yaml", &here), ("production/pod.yaml", &there)]);
        assert_eq!(ids(&report), expected, "{}", shown(&report));
    }
}

#[test]
fn a_service_of_render_has_what_the_dockerfile_says_that_it_builds() {
    let slow = "FROM python:3.13\nCMD [\"gunicorn\", \"--graceful-timeout\", \"60\", \"shop\"]\n";
    let check = |more: &str, file: &str| {
        let blueprint = format!("services:\n- type: web\n  name: shop\n{more}");
        let report = check_all(&[("render.yaml", &blueprint), (file, slow)]);
        ids(&report)
    };
    for (more, file, expected) in [
        ("  runtime: docker\n", "Dockerfile", &["P003"][..]),
        ("  env: docker\n", "Dockerfile", &["P003"]),
        ("  runtime: docker\n  dockerfilePath: ./web/Dockerfile\n", "web/Dockerfile", &["P003"]),
        ("  runtime: docker\n  maxShutdownDelaySeconds: 62\n", "Dockerfile", &[]),
        // Another file, another command, another runtime, another root.
        ("  runtime: docker\n  dockerfilePath: ./web/Dockerfile\n", "Dockerfile", &[]),
        ("  runtime: docker\n  dockerCommand: celery worker\n", "Dockerfile", &[]),
        ("  runtime: python\n", "Dockerfile", &[]),
        ("  runtime: docker\n  rootDir: web\n", "Dockerfile", &[]),
    ] {
        assert_eq!(check(more, file), expected, "{more}{file}");
    }
    // The shell in the image is found there.
    let blueprint = "services:\n- {type: web, name: shop, runtime: docker}\n";
    let shell = ("Dockerfile", "FROM debian:12\nCMD ./api | tee log\n");
    assert_eq!(ids(&check_all(&[("render.yaml", blueprint), shell])), ["D001"]);
}

/// An entry point that is a program takes a shell for its argument, and one that is an init runs it.
#[test]
fn the_arguments_of_a_workload_are_those_of_the_entry_point_of_its_image() {
    let script = "[\"sh\", \"-c\", \"./a | ./b\"]";
    let compose = format!("services:\n  api: {{image: shop/api, build: ., command: {script}}}\n");
    let task = format!(
        "{{\"family\": \"api\", \"containerDefinitions\": [{{\"name\": \"api\", \"image\": \"shop/api\", \"command\": {script}}}]}}"
    );
    for (entry_point, expected) in [
        ("", &["D002", "E013"][..]),
        ("ENTRYPOINT [\"/docker-entrypoint.sh\"]\n", &["D002", "E013"]),
        ("ENTRYPOINT [\"/usr/bin/supervise\"]\n", &[]),
        ("ENTRYPOINT [\"tini\", \"--\"]\n", &["D008", "D008"]),
        ("ENTRYPOINT exec supervise\n", &[]),
    ] {
        let image = format!("FROM debian:12\n{entry_point}CMD [\"api\"]\n");
        let report =
            check_all(&[("compose.yaml", &*compose), ("Dockerfile", &*image), ("task.json", &*task)]);
        assert_eq!(ids(&report), expected, "{entry_point}{}", shown(&report));
    }
}

#[test]
fn an_init_of_the_deployment_is_before_the_shell_of_the_image() {
    let found = |init: bool, command: &str| {
        let compose = format!("services:\n  web: {{build: ., init: {init}}}\n");
        let report = check_all(&[
            ("compose.yaml", &compose),
            ("Dockerfile", &format!("FROM node:24-slim\nCMD {command}\n")),
        ]);
        report
            .active()
            .filter(|found| found.subject == "service web")
            .map(|found| found.rule.id)
            .collect::<Vec<_>>()
    };
    assert_eq!(found(true, "node server.js"), ["D008"]);
    assert_eq!(found(true, "[\"node\", \"server.js\"]"), [""; 0]);
    assert!(!found(false, "node server.js").contains(&"D008"));
}
