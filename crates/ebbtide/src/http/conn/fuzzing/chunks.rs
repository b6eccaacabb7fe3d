use crate::http::conn::chunks::Chunks;

/// Any bytes, in any pieces, have the end that a reader of the whole finds.
pub(crate) fn chunks(data: &[u8]) {
    let (cuts, body) = data.split_at(data.len().min(4));
    let end = end(body);
    let mut chunks = Chunks::default();
    let mut at = 0_usize;
    for cut in cuts.iter().map(|cut| usize::from(*cut)).chain([usize::MAX]) {
        let to = at.saturating_add(cut).min(body.len());
        chunks.feed(&body[at..to]);
        at = to;
        let behind = end.and_then(|end| to.checked_sub(end));
        assert_eq!(chunks.behind(), behind.map(|behind| behind as u64), "after {at} of {body:?}");
        if behind.is_some_and(|behind| behind > 0) {
            assert!(!chunks.is_all());
        }
        if end.is_some() && behind.is_none_or(|behind| behind == 0) {
            assert!(chunks.is_all());
        }
    }
}

/// Returns where a chunked body ends, line by line as RFC 9112 §7.1 has it.
fn end(body: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        let line = line(body, at)?;
        let digits = line.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
        if !matches!(line.get(digits), None | Some(b';' | b' ' | b'\t')) {
            return None;
        }
        let size = u64::from_str_radix(std::str::from_utf8(&line[..digits]).ok()?, 16).ok()?;
        at += line.len() + 2;
        if size == 0 {
            break;
        }
        at = at.checked_add(usize::try_from(size).ok()?)?;
        if body.get(at..at + 2)? != b"\r\n" {
            return None;
        }
        at += 2;
    }
    loop {
        let line = line(body, at)?;
        at += line.len() + 2;
        if line.is_empty() {
            return Some(at);
        }
    }
}

/// Returns a line without its end. A carriage return that ends none is an error.
fn line(body: &[u8], at: usize) -> Option<&[u8]> {
    let rest = body.get(at..)?;
    let length = rest.iter().position(|byte| *byte == b'\r')?;
    (rest.get(length + 1) == Some(&b'\n')).then(|| &rest[..length])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seeds::on_seeds_and_at_random;

    #[test]
    fn chunks_end_where_they_end_in_any_pieces() {
        on_seeds_and_at_random("chunks", chunks);
    }
}
