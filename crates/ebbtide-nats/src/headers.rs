use async_nats::HeaderMap;
use async_nats::header::NATS_MESSAGE_ID;

/// The header of the job's id, once it differs from the sequence number of its message.
const JOB: &str = "Ebbtide-Job";

/// The header of the number of attempts in earlier messages.
const TRIES: &str = "Ebbtide-Tries";

/// The header of the last error of a dead-lettered job: a JSON string, since a header has one line.
const ERROR: &str = "Ebbtide-Error";

/// The room below the server's limit that the headers of Ebbtide take at most, without those of the producer and the
/// error.
pub(super) const ROOM: usize = 1024;

/// What is known of a job beside its payload.
#[derive(Clone, Debug, Default)]
pub(super) struct Known {
    /// The job's id, if it has been published again.
    pub(super) job: Option<String>,
    /// The number of attempts in earlier messages.
    pub(super) tries: u64,
}

impl Known {
    pub(super) fn of(headers: Option<&HeaderMap>) -> Self {
        let value = |name: &str| Some(headers?.get_last(name)?.as_str().to_owned());
        let tries = value(TRIES).and_then(|tries| tries.parse().ok()).unwrap_or(0);
        Self { job: value(JOB), tries }
    }
}

/// Returns the headers of a job that is published again. `once` is the id by which the server drops duplicates.
///
/// Headers of the client or the server belong to the earlier message only: conditions for its acceptance, for
/// example.
pub(super) fn republished_headers(
    theirs: Option<&HeaderMap>,
    job: &str,
    tries: u64,
    once: String,
) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, values) in theirs.into_iter().flat_map(HeaderMap::iter) {
        let text = name.to_string();
        if text.starts_with("Nats-") || [JOB, TRIES, ERROR].contains(&&*text) {
            continue;
        }
        for value in values {
            headers.append(name.clone(), value.clone());
        }
    }
    headers.insert(JOB, line(job));
    headers.insert(TRIES, tries.to_string());
    headers.insert(NATS_MESSAGE_ID, once);
    headers
}

/// Adds the error of a dead-lettered job, in at most `room` bytes.
pub(super) fn add_error(headers: &mut HeaderMap, error: &str, room: usize) {
    let mut end = error.len().min(room);
    loop {
        let part = error.get(..end).unwrap_or_default();
        let text = serde_json::Value::from(part).to_string();
        if text.len() <= room.max(2) && error.is_char_boundary(end) {
            headers.insert(ERROR, text);
            return;
        }
        // An escaped character is up to six times as long.
        end = end.saturating_sub(text.len().saturating_sub(room).div_ceil(6).max(1));
    }
}

/// Any program may have published the id, but it comes from a header, and so is one line.
fn line(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error_in(error: &str, room: usize) -> String {
        let mut headers = HeaderMap::new();
        add_error(&mut headers, error, room);
        headers.get(ERROR).map(ToString::to_string).unwrap_or_default()
    }

    #[test]
    fn any_error_is_encoded_as_one_line_that_decodes_again() {
        for error in ["", "no such address", "a\r\nb: c\0", "zwölf ☃ \"x\""] {
            let text = error_in(error, 4096);
            assert!(!text.contains(['\r', '\n', '\0']), "{text:?}");
            assert_eq!(serde_json::from_str::<String>(&text).unwrap(), error);
        }
    }

    #[test]
    fn a_long_error_is_truncated_to_the_available_room() {
        for (error, room) in [("x".repeat(5000), 100), ("☃".repeat(5000), 101), ("\0".repeat(5000), 64)] {
            let text = error_in(&error, room);
            assert!(text.len() <= room && text.len() + 7 > room, "{} of {room}", text.len());
            assert!(error.starts_with(&serde_json::from_str::<String>(&text).unwrap()));
        }
        assert_eq!(error_in("none", 0), "\"\"");
    }

    #[test]
    fn a_republished_job_keeps_its_headers_but_no_condition() {
        let mut theirs = HeaderMap::new();
        theirs.append("Trace", "1");
        theirs.append("Trace", "2");
        theirs.insert("Nats-Expected-Last-Sequence", "7");
        theirs.insert(TRIES, "3");
        let ours = republished_headers(Some(&theirs), "12", 4, "back-12-1".to_owned());
        assert_eq!(ours.get_all("Trace").count(), 2);
        assert!(ours.get("Nats-Expected-Last-Sequence").is_none());
        let known = Known::of(Some(&ours));
        assert_eq!((known.job.as_deref(), known.tries), (Some("12"), 4));
    }

    #[test]
    fn invalid_job_headers_are_ignored() {
        let mut odd = HeaderMap::new();
        odd.insert(TRIES, "minus one");
        assert_eq!(Known::of(Some(&odd)).tries, 0);
        assert_eq!(Known::of(None).job, None);
    }
}
