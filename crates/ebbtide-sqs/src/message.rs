use std::collections::HashMap;

use aws_sdk_sqs::error::BuildError;
use aws_sdk_sqs::primitives::Blob;
use aws_sdk_sqs::types::MessageAttributeValue;

/// The attributes of a message.
pub(super) type Attributes = HashMap<String, MessageAttributeValue>;

/// The attribute of a payload that cannot be a body.
const PAYLOAD: &str = "Ebbtide-Payload";
/// The attribute of a dead-lettered job's error, as a JSON string.
const ERROR: &str = "Ebbtide-Error";
/// The attribute of a dead-lettered job's id.
const JOB: &str = "Ebbtide-Job";

const EMPTY: &str = "empty";
const BINARY: &str = "binary";

/// The maximum size of a message, with its attributes.
const MOST_BYTES: usize = 1024 * 1024;
/// The maximum number of attributes.
const MOST_ATTRIBUTES: usize = 10;
/// The maximum length of a stored error.
const LONGEST_ERROR: usize = 16 * 1024;

/// Encodes a payload as a body and attributes.
pub(super) fn write(payload: &[u8]) -> Result<(String, Option<Attributes>), BuildError> {
    let (body, value) = match std::str::from_utf8(payload) {
        Ok("") => (EMPTY, text(EMPTY)?),
        Ok(body) if body.chars().all(is_taken) => return Ok((body.to_owned(), None)),
        _ => {
            let value = MessageAttributeValue::builder().data_type("Binary");
            (BINARY, value.binary_value(Blob::new(payload)).build()?)
        }
    };
    Ok((body.to_owned(), Some(HashMap::from([(PAYLOAD.to_owned(), value)]))))
}

/// Decodes the payload of a message.
pub(super) fn read(body: &str, attributes: &Attributes) -> Vec<u8> {
    match attributes.get(PAYLOAD) {
        Some(value) => value.binary_value().map(|blob| blob.as_ref().to_vec()).unwrap_or_default(),
        None => body.as_bytes().to_vec(),
    }
}

/// Adds the error and the id of a dead-lettered job, as far as there is room.
pub(super) fn with_error(
    body: &str,
    theirs: &Attributes,
    id: &str,
    error: &str,
) -> Result<Attributes, BuildError> {
    let mut attributes = theirs.clone();
    for (name, value) in [(JOB, id.to_owned()), (ERROR, String::new())] {
        let free = MOST_BYTES.saturating_sub(size(body, &attributes) + name.len() + "String".len());
        let value = if name == ERROR { quote(error, free.min(LONGEST_ERROR)) } else { value };
        if attributes.len() < MOST_ATTRIBUTES && value.len() <= free {
            attributes.insert(name.to_owned(), text(&value)?);
        }
    }
    Ok(attributes)
}

fn text(value: &str) -> Result<MessageAttributeValue, BuildError> {
    MessageAttributeValue::builder().data_type("String").string_value(value).build()
}

/// Encodes as much of a text as fits into `limit` bytes of a JSON string, without characters that SQS rejects.
fn quote(text: &str, limit: usize) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        let c = match c {
            '"' | '\\' => format!("\\{c}"),
            c if is_taken(c) && !c.is_control() => c.to_string(),
            // All of them are below 0x10000.
            c => format!("\\u{:04x}", u32::from(c)),
        };
        if quoted.len() + c.len() + 1 > limit {
            break;
        }
        quoted.push_str(&c);
    }
    quoted + "\""
}

/// Returns whether SQS accepts a character: those of XML 1.0.
fn is_taken(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{fffd}' | '\u{10000}'..)
}

fn size(body: &str, attributes: &Attributes) -> usize {
    let of = |value: &MessageAttributeValue| {
        let bytes = value.binary_value().map_or(0, |blob| blob.as_ref().len());
        value.data_type().len() + value.string_value().map_or(0, str::len) + bytes
    };
    body.len() + attributes.iter().map(|(name, value)| name.len() + of(value)).sum::<usize>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_payloads_are_bodies_and_every_payload_decodes_again() {
        let every_byte: Vec<u8> = (0..=u8::MAX).collect();
        let payloads: [(&[u8], bool); 7] = [
            (b"", false),
            (b"empty", true),
            ("grüße\r\n\t\"'\\ \u{1F4A5}".as_bytes(), true),
            (b"\0", false),
            ("\u{fffe}".as_bytes(), false),
            (b"\xff\xfe", false),
            (&every_byte, false),
        ];
        for (payload, is_text) in payloads {
            let (body, attributes) = write(payload).unwrap();
            assert_eq!((attributes.is_none(), body.is_empty()), (is_text, false), "{payload:?}");
            assert_eq!(read(&body, &attributes.unwrap_or_default()), payload);
        }
    }

    #[test]
    fn an_error_is_encoded_as_a_json_string_that_sqs_accepts() {
        for error in ["", "no", "zwölf\r\n: \"a\" \\ \0 \u{7f} \u{fffe} \u{ffff} \u{1F4A5}"] {
            let quoted = quote(error, 1000);
            assert!(quoted.chars().all(|c| is_taken(c) && !c.is_control()), "{quoted}");
            assert_eq!(serde_json::from_str::<String>(&quoted).unwrap(), error);
        }
        for limit in 2..40 {
            let quoted = quote("\0zwölf\"\u{1F4A5}\0", limit);
            assert!(quoted.len() <= limit && serde_json::from_str::<String>(&quoted).is_ok(), "{quoted}");
        }
    }

    #[test]
    fn attributes_without_room_are_omitted() {
        let none = Attributes::new();
        let names =
            |attributes: Attributes| attributes.into_keys().collect::<std::collections::BTreeSet<_>>();
        let both = [ERROR.to_owned(), JOB.to_owned()].into();
        assert_eq!(names(with_error("job", &none, "id", "no").unwrap()), both);
        for room in 0..60 {
            let body = "x".repeat(MOST_BYTES - room);
            let attributes = with_error(&body, &none, "id", &"long ".repeat(10_000)).unwrap();
            assert!(size(&body, &attributes) <= MOST_BYTES);
        }
        let theirs: Attributes = (0..10).map(|n| (n.to_string(), text("x").unwrap())).collect();
        assert_eq!(with_error("job", &theirs, "id", "no").unwrap(), theirs);
    }
}
