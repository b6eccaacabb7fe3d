//! The arguments of a build, which what is read of its Dockerfile depends on.

use crate::common::{check_all, ids};

/// They take precedence over the defaults in the Dockerfile; one without a value is that of the machine that builds.
#[test]
fn the_arguments_of_a_build_are_those_of_its_file() {
    let image = "ARG BASE\nFROM debian:12\nARG T=60\nENV EBBTIDE_GRACE=${T}s\nCMD [\"api\"]\n";
    let check = |name: &str, text: &str, pod: &str| {
        let report = check_all(&[(name, text), ("Dockerfile", image), ("pod.yaml", pod)]);
        let rules = ["C001", "K001", "M001", "P001"];
        ids(&report).into_iter().filter(|id| rules.contains(id)).count()
    };
    for (args, count) in [
        ("", 1),
        ("args: {OTHER: 5}", 1),
        ("args: {T: 5}", 0),
        ("args: {T: \"5\"}", 0),
        ("args: [T=5]", 0),
        ("args: [T]", 0),
        ("args: {T: ~}", 0),
        ("args: {T: '${T:-5}'}", 0),
        ("args: {T: 50}", 1),
    ] {
        let compose = format!("services:\n  api:\n    build:\n      context: .\n      {args}\n");
        assert_eq!(check("compose.yaml", &compose, ""), count, "{args}");
        let kamal = format!(
            "service: api\nimage: api\nservers: [a]\nregistry: {{username: c}}\nbuilder:\n  arch: amd64\n  {args}\n"
        );
        assert_eq!(check("config/deploy.yml", &kamal, ""), count, "kamal {args}");
    }
    let pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: api}\nspec: {containers: [{name: api, image: shop/api}]}\n";
    for (args, count) in [("", 1), ("{T: \"5\"}", 0), ("{T: \"50\"}", 1)] {
        let arguments = if args.is_empty() { String::new() } else { format!("\n      buildArgs: {args}") };
        let skaffold = format!(
            "apiVersion: skaffold/v4beta11\nkind: Config\nbuild:\n  artifacts:\n  - image: shop/api\n    docker:\n      dockerfile: Dockerfile{arguments}\n"
        );
        assert_eq!(check("skaffold.yaml", &skaffold, pod), count, "{args}");
        let args = args.replace(": ", " = ");
        let args = if args.is_empty() { args } else { format!("  args = {args}\n") };
        let bake = format!(
            "target \"base\" {{\n{args}}}\ntarget \"api\" {{\n  inherits = [\"base\"]\n  tags = [\"shop/api\"]\n}}\n"
        );
        assert_eq!(check("docker-bake.hcl", &bake, pod), count, "{bake}");
    }
    let fly = |args: &str| format!("app = \"a\"\nprimary_region = \"b\"\nkill_timeout = 30\n{args}");
    assert_eq!(check("fly.toml", &fly(""), ""), 1);
    assert_eq!(check("fly.toml", &fly("[build.args]\nT = \"5\"\n"), ""), 0);
}
