//! Which Compose files are for Swarm, and which of its services may start before the old task has stopped.

use crate::common::{check_text, ids, shown};

fn has(deploy: &str, more: &str) -> bool {
    let text =
        format!("services:\n  web:\n    image: web\n    ports: [\"80:80\"]\n{more}    deploy: {deploy}\n");
    let report = check_text("compose.yaml", &text);
    assert!(report.problems.is_empty(), "{}", shown(&report));
    ids(&report).contains(&"C006")
}

#[test]
fn keys_that_docker_compose_reads_too_do_not_mean_swarm() {
    for deploy in [
        "{replicas: 1}",
        "{resources: {limits: {memory: 1G}}}",
        "{restart_policy: {condition: any}}",
        "{replicas: 1, restart_policy: {condition: any}, resources: {}}",
    ] {
        assert!(!has(deploy, ""), "{deploy}");
    }
    for deploy in [
        "{placement: {constraints: [node.role == worker]}}",
        "{endpoint_mode: vip}",
        "{mode: replicated}",
        "{replicas: 1, update_config: {parallelism: 1}}",
        "{rollback_config: {parallelism: 1}}",
        "{labels: {traefik.enable: \"true\"}}",
    ] {
        assert!(has(deploy, ""), "{deploy}");
    }
    assert!(
        !has("{update_config: {order: start-first}}", "") && !has("{replicas: 2, endpoint_mode: vip}", "")
    );
}

#[test]
fn a_service_that_writes_to_a_volume_is_not_to_start_twice() {
    for (volumes, is_free) in [
        ("[\"data:/var/lib/web\"]", false),
        ("[./data:/var/lib/web]", false),
        ("[/var/lib/web]", false),
        ("[{type: volume, source: data, target: /data}]", false),
        ("[./nginx.conf:/etc/nginx/nginx.conf:ro]", true),
        ("[\"static:/srv:ro,z\"]", true),
        ("[{type: bind, source: ./a, target: /a, read_only: true}, {type: tmpfs, target: /tmp}]", true),
        ("[/var/run/docker.sock:/var/run/docker.sock]", true),
        ("[]", true),
    ] {
        let more = format!("    volumes: {volumes}\n");
        assert_eq!(has("{endpoint_mode: vip}", &more), is_free, "{volumes}");
    }
}
