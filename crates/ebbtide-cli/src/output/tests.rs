//! What is written, as a whole: a change of either snapshot is a change that readers see.

use ebbtide_rehearse::samples::{rehearsal, scenario};

use super::{json, text};

#[test]
fn the_text_is_readable_without_colour() {
    let mut out = anstream::StripStream::new(Vec::new());
    text::write(&mut out, &scenario(), &rehearsal()).unwrap();
    insta::assert_snapshot!(String::from_utf8(out.into_inner()).unwrap());
}

#[test]
fn the_json_keeps_its_fields() {
    let mut out = Vec::new();
    json::write(&mut out, &scenario(), &rehearsal()).unwrap();
    let mut document: serde_json::Value = serde_json::from_slice(&out).unwrap();
    for run in document["runs"].as_array_mut().unwrap() {
        run["timeline"]["in_flight"]["counts"] = serde_json::Value::Null;
    }
    insta::assert_json_snapshot!(document);
}
