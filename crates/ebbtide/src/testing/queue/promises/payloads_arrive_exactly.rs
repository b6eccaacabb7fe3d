use crate::queue::Settlement;
use crate::testing::queue::bench::{Bench, describe};
use crate::testing::queue::{Broken, Promise, Subject, Verdict};

/// Large, and within what every broker takes by default: NATS refuses more than 1 MiB.
const LARGE: usize = 512 * 1024;

/// Tries whether payloads arrive byte for byte: nothing at all, text, every byte there is, and half a megabyte.
///
/// # Errors
///
/// When another payload arrives, or one is changed.
pub async fn payloads_arrive_exactly<S: Subject>(subject: &S) -> Result<Verdict, Broken> {
    let bench = Bench::new(subject, Promise::PayloadsArriveExactly);
    let every_byte: Vec<u8> = (0..=u8::MAX).collect();
    let large: Vec<u8> = (0..=u8::MAX).cycle().take(LARGE).collect();
    let payloads = [Vec::new(), "grüße\r\n\t\"'\\".into(), vec![0], vec![0xff, 0xfe], every_byte, large];
    let queue = bench.open().await?;
    for payload in payloads {
        bench.push(&payload).await?;
        let delivery = bench.take_one(&queue).await?;
        if delivery.payload != payload {
            let (got, sent) = (delivery.payload.len(), payload.len());
            let what = describe(&delivery);
            return Err(bench.broken(format!("{what}: {got} bytes, not the {sent} that were pushed")));
        }
        // It has to be out of the next one's way.
        bench.settle_ours(&queue, &delivery, Settlement::Ack).await?;
    }
    Ok(Verdict::Kept)
}
