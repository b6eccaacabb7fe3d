//! `.kube` units of Podman, which run the pods of a file of Kubernetes.

use ebbtide_check::{Options, Report, Severity, Sources, fix};

use crate::common::{check_all, ids, shown};

/// A pod with a drain time, with more of its specification and of its container.
fn pod(drain: u32, spec: &str, container: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Pod\nmetadata:\n  name: shop\n  annotations:\n    ebbtide.dev/drain: {drain}s\nspec:\n{spec}  containers:\n    \
         - name: shop\n      image: registry.example/acme/shop:1\n{container}"
    )
}

fn check(unit: &str, pod: &str) -> Report {
    check_all(&[("shop.kube", unit), ("shop.yaml", pod)])
}

const UNIT: &str = "[Kube]\nYaml=shop.yaml\n";

/// Podman's default is 10 s, and Kubernetes' 30 s.
#[test]
fn a_pod_has_its_own_grace_period_or_the_default_of_podman() {
    for (spec, time) in [("", 10), ("  terminationGracePeriodSeconds: 40\n", 40)] {
        let found = |drain: u32| ids(&check(UNIT, &pod(drain, spec, "")));
        assert_eq!(found(time - 2), [""; 0], "{spec}");
        assert_eq!(found(time - 1), ["Q001"], "{spec}");
    }
    // The opposite: without the unit it runs in a cluster.
    assert_eq!(ids(&check_all(&[("shop.yaml", &pod(20, "", ""))])), [""; 0]);
    assert_eq!(ids(&check_all(&[("shop.yaml", &pod(29, "", ""))])), ["K001"]);
}

#[test]
fn deployments_daemon_sets_and_jobs_are_played_and_other_kinds_are_not() {
    for (kind, expected) in [
        ("apps/v1\nkind: Deployment", &["Q001"][..]),
        ("apps/v1\nkind: DaemonSet", &["Q001"]),
        // It runs to its end.
        ("batch/v1\nkind: Job", &[]),
        // Podman ignores it: what is found is what a cluster does.
        ("apps/v1\nkind: StatefulSet", &["K001"]),
    ] {
        let text = format!(
            "apiVersion: {kind}\nmetadata: {{name: shop}}\nspec:\n  template:\n    metadata:\n      annotations: {{ebbtide.dev/drain: 29s}}\n    \
             spec:\n      containers: [{{name: shop, image: shop}}]\n"
        );
        assert_eq!(ids(&check(UNIT, &text)), expected, "{kind}");
    }
}

#[test]
fn systemd_has_to_wait_for_podman_to_bring_the_pods_down() {
    let found = |service: &str, grace: u32| {
        let spec = format!("  terminationGracePeriodSeconds: {grace}\n");
        let report = check(&format!("{UNIT}[Service]\n{service}\n"), &pod(5, &spec, ""));
        ids(&report).contains(&"Q002")
    };
    assert!(!found("", 88) && found("", 89));
    assert!(!found("TimeoutStopSec=300", 298) && found("TimeoutStopSec=300", 299));
    assert!(!found("TimeoutStopSec=infinity", 3000));
    // A longer timeout of the unit changes nothing for a pod without a grace period.
    let without = pod(5, "", "").replace("ebbtide.dev/drain", "other");
    let report = check(&format!("{UNIT}[Service]\nTimeoutStopSec=300\n"), &without);
    assert_eq!(ids(&report), ["Q003"], "{}", shown(&report));
    assert!(shown(&report).contains("set terminationGracePeriodSeconds of the pod"), "{}", shown(&report));
}

#[test]
fn rules_of_a_cluster_say_nothing_about_a_pod_of_podman() {
    let hook = "      lifecycle: {preStop: {exec: {command: [sleep, \"25\"]}}}\n";
    let text = pod(5, "  terminationGracePeriodSeconds: 30\n", hook);
    assert_eq!(ids(&check_all(&[("shop.yaml", &text)])), ["K001"]);
    let report = check(UNIT, &text);
    assert_eq!(ids(&report), ["Q004"], "{}", shown(&report));
}

/// The volume of a claim, and a container that mounts it.
const CLAIM: &str = "  volumes: [{name: data, persistentVolumeClaim: {claimName: shop-data}}]\n";
const MOUNT: &str = "      volumeMounts: [{name: data, mountPath: /data}]\n";

#[test]
fn volumes_are_lost_if_the_unit_is_brought_down_by_force() {
    let forced = format!("{UNIT}KubeDownForce=yes\n");
    for (unit, spec, expected) in [
        (&*forced, CLAIM, &["Q005"][..]),
        (UNIT, CLAIM, &[]),
        (&format!("{UNIT}KubeDownForce=false\n"), CLAIM, &[]),
        (&forced, "  volumes: [{name: data, hostPath: {path: /srv}}]\n", &[]),
    ] {
        assert_eq!(ids(&check(unit, &pod(5, spec, MOUNT))), expected, "{unit}{spec}");
    }
    // Of a Deployment Podman removes the volumes whose claims the files declare.
    let deployment = format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: shop}}\nspec:\n  template:\n    spec:\n      containers: [{{name: a, image: a, \
         volumeMounts: [{{name: data, mountPath: /data}}]}}]\n    {CLAIM}"
    );
    let claim = "apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: shop-data}\n";
    assert_eq!(ids(&check(&forced, &deployment)), [""; 0]);
    assert_eq!(ids(&check(&forced, &format!("{deployment}---\n{claim}"))), ["Q005"]);
    let beside = |unit: &str| {
        let files = [("shop.kube", unit), ("shop.yaml", &deployment), ("claims.yaml", claim)];
        check_all(&files).findings.iter().any(|finding| finding.rule.id == "Q005")
    };
    assert!(!beside(&forced) && beside(&forced.replace("Yaml=", "Yaml=claims.yaml\nYaml=")));
}

#[test]
fn a_claim_that_no_container_mounts_has_no_data_to_lose() {
    let forced = format!("{UNIT}KubeDownForce=yes\n");
    let declared = "---\napiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: shop-data}\n";
    let first =
        "  initContainers: [{name: fill, image: fill, volumeMounts: [{name: data, mountPath: /d}]}]\n";
    for (spec, container, expected) in [
        (CLAIM, "", &[][..]),
        (CLAIM, "      volumeMounts: [{name: other, mountPath: /data}]\n", &[]),
        ("", "", &[]),
        (CLAIM, "      volumeDevices: [{name: data, devicePath: /dev/xvda}]\n", &["Q005"]),
        (&format!("{CLAIM}{first}"), "", &["Q005"]),
    ] {
        let text = format!("{}{declared}", pod(5, spec, container));
        assert_eq!(ids(&check(&forced, &text)), expected, "{spec}{container}");
    }
}

#[test]
fn a_unit_names_its_files_relative_to_itself() {
    let text = pod(20, "", "");
    let found = |unit: &str, file: &str| {
        let report = check_all(&[("quadlets/shop.kube", unit), (file, &text)]);
        let messages: Vec<String> = report.problems.iter().map(|problem| problem.message.clone()).collect();
        (ids(&report), messages, report.is_incomplete())
    };
    let not_read = |name: &str| vec![format!("Yaml={name} is not in the input: its pods are not checked")];
    assert_eq!(found("[Kube]\nYaml=../k8s/shop.yaml\n", "k8s/shop.yaml"), (vec!["Q001"], vec![], false));
    assert_eq!(found("[Kube]\nYaml=other.yaml shop.yaml\n", "quadlets/shop.yaml").0, ["Q001"]);
    assert_eq!(found(UNIT, "shop.yaml"), (vec![], not_read("shop.yaml"), false));
    assert_eq!(found("[Kube]\nYaml=/opt/shop.yaml\n", "quadlets/shop.yaml").1, not_read("/opt/shop.yaml"));
}

#[test]
fn a_unit_declares_the_drain_of_its_only_pod() {
    let unit = format!("{UNIT}[Service]\nX-EbbtideDrain=20s\n");
    let plain = pod(1, "", "").replace("ebbtide.dev/drain", "other");
    assert_eq!(ids(&check(&unit, &plain)), ["Q001"]);
    // The annotation of the pod itself comes first.
    assert_eq!(ids(&check(&unit, &pod(5, "", ""))), [""; 0]);
    let two = format!("{plain}---\n{}", plain.replace("name: shop", "name: web"));
    let report = check(&unit, &two);
    let messages: Vec<&str> = report.problems.iter().map(|problem| &*problem.message).collect();
    let expected = "X-EbbtideDrain of a unit of several pods: annotate the pods instead";
    assert_eq!((ids(&report), messages, report.is_incomplete()), (vec![], vec![expected], false));
}

#[test]
fn drop_ins_of_the_unit_are_applied() {
    let text = pod(5, "  terminationGracePeriodSeconds: 100\n", "");
    let drop_in = ("shop.kube.d/stop.conf", "[Service]\nTimeoutStopSec=120\n");
    assert_eq!(ids(&check(UNIT, &text)), ["Q002"]);
    assert_eq!(ids(&check_all(&[("shop.kube", UNIT), ("shop.yaml", &text), drop_in])), [""; 0]);
}

#[test]
fn the_grace_period_of_the_pod_is_raised_as_a_number() {
    for (spec, expected) in [
        ("  terminationGracePeriodSeconds: 20\n", "  terminationGracePeriodSeconds: 32\n"),
        ("", "terminationGracePeriodSeconds: 32"),
    ] {
        let fixed = fix(check(UNIT, &pod(30, spec, "")), &Options::default(), Severity::Error);
        let (_, source) = fixed.report.sources.iter().nth(1).unwrap();
        let text = source.text();
        assert!(text.contains(expected), "{text}");
        assert_eq!(ids(&fixed.report), [""; 0]);
    }
}

#[test]
fn a_container_names_the_unit_of_its_image() {
    let container = |image: &str| format!("[Container]\nImage={image}\nStopTimeout=20\n");
    let found = |image: &str, unit: (&str, &str), file: &str| {
        let dockerfile = "FROM debian:12\nENV EBBTIDE_GRACE=60s\nCMD [\"api\"]\n";
        let report = check_all(&[("q/api.container", &container(image)), unit, (file, dockerfile)]);
        assert!(report.problems.is_empty(), "{}", shown(&report));
        ids(&report)
    };
    let build = |keys: &str| format!("[Build]\nImageTag=localhost/api\n{keys}");
    for (keys, file, expected) in [
        ("SetWorkingDirectory=unit\n", "q/Containerfile", &["Q001"][..]),
        ("SetWorkingDirectory=unit\n", "q/Dockerfile", &["Q001"]),
        ("SetWorkingDirectory=unit\nFile=api/Dockerfile\n", "q/api/Dockerfile", &["Q001"]),
        ("SetWorkingDirectory=file\nFile=../Dockerfile\n", "Dockerfile", &["Q001"]),
        ("SetWorkingDirectory=../src\n", "src/Dockerfile", &["Q001"]),
        ("File=/srv/api/Dockerfile\n", "/srv/api/Dockerfile", &["Q001"]),
        // Not known: two folders, an address, a value of the start, another file.
        ("SetWorkingDirectory=../src\nFile=Dockerfile\n", "src/Dockerfile", &[]),
        ("SetWorkingDirectory=https://git.example/api\n", "q/Dockerfile", &[]),
        ("SetWorkingDirectory=unit\nFile=%i\n", "q/Dockerfile", &[]),
        ("SetWorkingDirectory=unit\nFile=Other\n", "q/Dockerfile", &[]),
    ] {
        assert_eq!(found("api.build", ("q/api.build", &build(keys)), file), expected, "{keys} {file}");
    }
    // The unit of another folder is another one.
    let unit = build("SetWorkingDirectory=unit\n");
    assert_eq!(found("api.build", ("other/api.build", &unit), "other/Dockerfile"), [""; 0]);
    let database = ("q/db.image", "[Image]\nImage=docker.io/library/postgres:16\n");
    let unit = "[Container]\nImage=db.image\n[Install]\nWantedBy=default.target\n";
    let report = check_all(&[("q/db.container", unit), database]);
    assert_eq!(ids(&report), ["C002"], "{}", shown(&report));
    assert_eq!(ids(&check_all(&[("q/db.container", unit)])), [""; 0]);
}

/// Their stop is that of their containers, which systemd stops before them.
#[test]
fn a_unit_of_a_pod_or_a_volume_is_none_of_the_broken_files() {
    // None is a service, whatever its unit says to systemd.
    let service = "[Service]\nKillMode=process\nKillSignal=SIGKILL\n";
    let pod = ("shop.pod", &*format!("[Pod]\nPodName=shop\n{service}"));
    let drop_in = ("shop.pod.d/kill.conf", service);
    let volume = ("data.volume", &*format!("[Volume]\nVolumeName=data\n{service}"));
    let network = ("front.network", "[Network]\nNetworkName=front\n");
    let container =
        ("shop.container", "[Container]\nImage=acme/shop\nPod=shop.pod\nLabel=ebbtide.dev/drain=20s\n");
    let report = check_all(&[pod, drop_in, volume, network, container]);
    assert_eq!((ids(&report), report.problems.len()), (vec!["Q001"], 0), "{}", shown(&report));
}

#[test]
fn a_time_of_the_unit_of_a_pod_is_noted_as_one_that_its_containers_do_not_have() {
    let container = ("shop.container", "[Container]\nImage=acme/shop\nPod=shop.pod\n");
    let unit = "[Pod]\nPodName=shop\nStopTimeout=60\n[Service]\nX-EbbtideDrain=45s\n";
    let report = check_all(&[("shop.pod", unit), container]);
    let lines: Vec<usize> =
        report.problems.iter().map(|problem| report.sources.position(problem.place.unwrap()).line).collect();
    assert_eq!((lines, report.is_incomplete()), (vec![3, 5], false), "{}", shown(&report));
    let shown = shown(&report);
    assert!(shown.contains("note: not read: StopTimeout of a pod: its containers stop before it"), "{shown}");
    assert!(shown.contains("note: not read: X-EbbtideDrain of a pod"), "{shown}");
}

#[test]
fn a_named_unit_without_a_program_is_reported_as_what_it_is() {
    for (name, text, said) in [
        ("shop.pod", "[Unit]\nDescription=shop\n[Pod]\nPodName=shop\n", "unit of a pod: its containers"),
        ("data.volume", "[Volume]\n", "unit of a volume, which has no program"),
        ("front.network", "[Network]\nInternal=true\n", "unit of a network, which has no program"),
    ] {
        let mut sources = Sources::new();
        let id = sources.add(name, text);
        sources.require(id);
        let report = ebbtide_check::check(sources, &Options::default());
        assert_eq!((report.problems.len(), report.is_incomplete()), (1, false), "{}", shown(&report));
        assert!(shown(&report).contains(&format!("note: not read: {said}")), "{}", shown(&report));
    }
}
