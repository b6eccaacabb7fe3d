//! `docs/ebbtide.schema.json` is the schema of `ebbtide.toml`, for editors. `cargo xtask generate` writes it.

use std::path::PathBuf;
use std::process::Command;
use std::{env, fs};

use ebbtide_rehearse::Shape;
use serde_json::{Map, Value, json};

use super::keys::{Kind, keys, options};
use super::read::read;
use super::tests::{WHOLE, WRONG};
use crate::settings::{NAME, SettingsFile};

const SCHEMA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/ebbtide.schema.json");

/// Returns the schema: that of `rehearse` follows from its options.
fn schema() -> Value {
    let keys = keys(&options());
    let properties: Map<String, Value> = keys
        .into_iter()
        .map(|key| {
            let mut property = of_kind(&key.kind);
            property["description"] = key.help.into();
            (key.name, property)
        })
        .collect();
    let rules = json!({ "type": "array", "items": { "type": "string" } });
    let some_rules = json!({ "type": "array", "items": { "type": "string" }, "minItems": 1 });
    json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": NAME,
        "description": "The settings of a project for ebbtide.",
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "check": {
                "description": "Settings of `ebbtide check`.",
                "type": "object",
                "additionalProperties": false,
                "properties": {
                    "select": some_rules,
                    "ignore": rules,
                    "fail-on": { "enum": ["error", "warning", "info"] },
                    "per-path-ignores": { "type": "object", "additionalProperties": some_rules },
                },
            },
            "rehearse": {
                "description": "Settings of `ebbtide rehearse`: each key is a long option of the command.",
                "type": "object",
                "additionalProperties": false,
                "properties": properties,
            },
        },
    })
}

fn of_kind(kind: &Kind) -> Value {
    let text = json!({ "type": "string" });
    let texts = json!({ "type": ["string", "array"], "items": text });
    match kind {
        Kind::Flag => json!({ "type": "boolean" }),
        Kind::Integer => json!({ "type": "integer", "minimum": 0 }),
        Kind::FlagOrInteger => json!({ "type": ["boolean", "integer"], "minimum": 1 }),
        Kind::Time => json!({ "type": ["string", "number"], "minimum": 0 }),
        Kind::TextOrInteger => json!({ "type": ["string", "integer"] }),
        Kind::Text => text,
        Kind::Choice(names) => json!({ "enum": names }),
        Kind::Texts => texts,
        Kind::Words => json!({
            "type": ["string", "array"],
            "items": [text],
            "additionalItems": { "type": ["string", "integer"] },
            "minItems": 1,
            "minLength": 1,
        }),
        Kind::TextsOrIntegers => json!({
            "type": ["string", "integer", "array"],
            "items": { "type": ["string", "integer"] },
        }),
        Kind::Routes => {
            let shapes = Shape::ALL.into_iter().filter(|shape| *shape != Shape::Phases);
            let shapes: Map<String, Value> = shapes.map(|shape| (shape.to_string(), text.clone())).collect();
            json!({ "type": "object", "additionalProperties": false, "properties": shapes })
        }
    }
}

#[test]
fn the_published_schema_is_that_of_the_options() {
    let expected = serde_json::to_string_pretty(&schema()).unwrap() + "\n";
    if env::var_os("EBBTIDE_GENERATE").is_some() {
        fs::write(SCHEMA, &expected).unwrap();
    }
    let present = fs::read_to_string(SCHEMA).unwrap_or_default();
    assert_eq!(present, expected, "docs/ebbtide.schema.json is stale: run `cargo xtask generate`");
}

/// Returns for each of `texts` whether the program `jsonschema` accepts it.
fn accepted(texts: &[&str]) -> Vec<bool> {
    let folder = tempfile::tempdir().unwrap();
    let mut program = Command::new("jsonschema");
    program.args(["--output", "pretty"]);
    let instances: Vec<PathBuf> =
        (0..texts.len()).map(|number| folder.path().join(format!("{number}.json"))).collect();
    for (text, instance) in texts.iter().zip(&instances) {
        let value: Value = toml::from_str(text).unwrap();
        fs::write(instance, value.to_string()).unwrap();
        program.arg("--instance").arg(instance);
    }
    let checked = program.arg(SCHEMA).output();
    let checked = checked.expect("`jsonschema` is missing: `cargo xtask test` installs it");
    let said = String::from_utf8_lossy(&checked.stdout);
    let accepts = |instance: &PathBuf| said.contains(&format!("===[SUCCESS]===({})===", instance.display()));
    assert!(said.contains("===[SUCCESS]==="), "{said}{}", String::from_utf8_lossy(&checked.stderr));
    instances.iter().map(accepts).collect()
}

#[test]
fn the_schema_accepts_what_the_command_reads_and_refuses_what_it_does_not() {
    let good = [WHOLE, "", "[rehearse]\n", "[check]\nselect = [\"K\"]\nfail-on = \"info\"\n"];
    for text in good {
        let file = SettingsFile { folder: "/".into(), path: NAME.into(), text: text.to_owned() };
        assert!(read(&file, &options()).is_ok(), "{text}");
    }
    // Faults that a schema can express.
    let wrong: Vec<&str> = WRONG.iter().filter(|wrong| wrong.structural).map(|wrong| wrong.text).collect();
    let texts: Vec<&str> = good.into_iter().chain(wrong.iter().copied()).collect();
    for (at, (text, is_accepted)) in texts.iter().zip(accepted(&texts)).enumerate() {
        assert_eq!(is_accepted, at < good.len(), "{text}");
    }
}
