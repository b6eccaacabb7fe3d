//! Header blocks. Requests are encoded without the compression's state, so that a truth server can read them plainly; responses are
//! decoded by `loona-hpack`.

use http::Request;
use http::header::{CONNECTION, HOST};
use http::uri::Scheme;
use loona_hpack::Decoder;

use super::frame::NotHttp2;
use super::huffman::without_huffman;
use crate::record::{digest, media_type};
use crate::wire::connection::{GRPC_STATUS, grpc_status};
use crate::wire::events::is_event_stream;

/// Returns the header block of `request`.
pub(super) fn encode<B>(request: &Request<B>) -> Vec<u8> {
    let mut block = Vec::new();
    let host = request.headers().get(HOST).map_or(&[][..], |host| host.as_bytes());
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
    field(&mut block, b":method", request.method().as_str().as_bytes());
    let scheme = request.extensions().get::<Scheme>().map_or("http", Scheme::as_str);
    field(&mut block, b":scheme", scheme.as_bytes());
    field(&mut block, b":authority", host);
    field(&mut block, b":path", path.as_bytes());
    let others = request.headers().iter().filter(|(name, _)| ![HOST, CONNECTION].contains(name));
    others.for_each(|(name, value)| field(&mut block, name.as_str().as_bytes(), value.as_bytes()));
    block
}

/// Appends a field: a literal that is never indexed (RFC 7541, section 6.2.3), without Huffman coding.
fn field(block: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    block.push(0x10);
    for text in [name, value] {
        push_integer(block, text.len());
        block.extend_from_slice(text);
    }
}

/// Appends an integer with a prefix of seven bits (RFC 7541, section 5.1).
pub(super) fn push_integer(block: &mut Vec<u8>, value: usize) {
    const PREFIX: usize = 127;
    let byte = |value: usize| u8::try_from(value).unwrap_or(u8::MAX);
    if value < PREFIX {
        return block.push(byte(value));
    }
    block.push(byte(PREFIX));
    let mut rest = value - PREFIX;
    while rest >= 128 {
        block.push(byte(rest % 128 + 128));
        rest /= 128;
    }
    block.push(byte(rest));
}

/// The type of gRPC, without a suffix.
const GRPC: &[u8] = b"application/grpc";

/// What a header block of a response says.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Head {
    /// The status; trailers have none.
    pub(super) status: Option<u16>,
    /// The length of the body, if it is declared.
    pub(super) length: Option<u64>,
    /// A digest of `Location`.
    pub(super) location: Option<u64>,
    /// A digest of the media type in `Content-Type`.
    pub(super) content_type: Option<u64>,
    /// Whether the body is a stream of server-sent events.
    pub(super) events: bool,
    /// Whether the body is of gRPC.
    pub(super) is_grpc: bool,
    /// The gRPC status, if there is one.
    pub(super) grpc_status: Option<u16>,
}

/// Decodes the header block of a response.
pub(super) fn decode(decoder: &mut Decoder<'_>, block: &[u8]) -> Result<Head, NotHttp2> {
    let mut head = Head::default();
    let block = without_huffman(block)?;
    let decoded = decoder.decode_with_cb(&block, |name, value| {
        let text = || std::str::from_utf8(&value).ok();
        match &*name {
            b":status" => head.status = text().and_then(|text| text.parse().ok()),
            b"content-length" => head.length = text().and_then(|text| text.parse().ok()),
            b"location" => head.location = Some(digest(&value)),
            b"content-type" => {
                head.events = is_event_stream(&value);
                head.content_type = Some(media_type(&value));
                head.is_grpc = value.starts_with(GRPC);
            }
            name if name == GRPC_STATUS.as_bytes() => head.grpc_status = grpc_status(&value),
            _ => {}
        }
    });
    decoded.map(|()| head).map_err(|_| NotHttp2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_read_back_by_a_decoder() {
        let long = "x".repeat(20_000);
        let request =
            Request::post("/a?b").header("host", "a:1").header("x-long", &long).header("connection", "close");
        let decoded = Decoder::new().decode(&encode(&request.body(()).unwrap())).unwrap();
        let decoded: Vec<_> = decoded
            .iter()
            .map(|(name, value)| (str::from_utf8(name).unwrap(), str::from_utf8(value).unwrap()))
            .collect();
        let expected = [
            (":method", "POST"),
            (":scheme", "http"),
            (":authority", "a:1"),
            (":path", "/a?b"),
            ("x-long", &long),
        ];
        assert_eq!(decoded, expected);
    }

    #[test]
    fn a_response_is_decoded_with_the_state_of_its_connection() {
        let mut encoder = loona_hpack::Encoder::new();
        let mut decoder = Decoder::new();
        // The second block refers to entries of the first one.
        for _ in 0..2 {
            let fields: [(&[u8], &[u8]); 3] =
                [(b":status", b"201"), (b"content-length", b"7"), (b"location", b"/a")];
            let head = decode(&mut decoder, &encoder.encode(fields)).unwrap();
            let expected =
                Head { status: Some(201), length: Some(7), location: Some(digest(b"/a")), ..Head::default() };
            assert_eq!(head, expected);
        }
        assert_eq!(decode(&mut decoder, &[0xff, 0xff, 0xff]), Err(NotHttp2));
    }
}
