use std::io::{self, Read as _, Write as _};

use crate::test::servers::greeting::greet;

/// The question that costs nothing, by whoever: an emulator does not look at the signature.
const ASK: &str = "POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nContent-Type: application/x-amz-json-1.0\r\n\
    X-Amz-Target: AmazonSQS.ListQueues\r\nAuthorization: AWS4-HMAC-SHA256 Credential=test/20260101/eu-central-1/sqs/\
    aws4_request, SignedHeaders=host, Signature=0\r\nContent-Length: 2\r\n\r\n{}";

/// Returns whether something that speaks the protocol of SQS lets us in.
pub(super) fn answers(port: u16) -> bool {
    ask(port).is_ok_and(|answer| answer.starts_with("HTTP/1.1 200 ") && answer.contains("x-amz-json-1.0"))
}

fn ask(port: u16) -> io::Result<String> {
    let mut stream = greet(port)?;
    stream.write_all(ASK.as_bytes())?;
    let mut answer = String::new();
    stream.take(64 * 1024).read_to_string(&mut answer)?;
    Ok(answer)
}
