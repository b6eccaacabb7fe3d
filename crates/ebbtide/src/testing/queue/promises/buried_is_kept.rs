use crate::queue::Settlement;
use crate::testing::queue::bench::Bench;
use crate::testing::queue::{Broken, Census, Promise, Subject, Verdict};

/// Tries whether a buried job can be looked at, with what was pushed and, where it is kept, why it failed, and is not
/// delivered again; and whether the words of any error are taken, whatever is in them.
///
/// # Errors
///
/// When it is gone, or delivered again, or an error's words make it fail.
pub async fn buried_is_kept<S: Subject>(subject: &S) -> Result<Verdict, Broken> {
    let bench = Bench::new(subject, Promise::BuriedIsKept);
    let long = "long ".repeat(4000);
    let errors = ["no such address", "", "a zero \0 within", "zwölf\r\nlines: {\"a\"} 'b' %s $1 ☃", &long];
    let first = bench.open().await?;
    for (error, payload) in errors.iter().zip([b"0", b"1", b"2", b"3", b"4"]) {
        bench.push(payload).await?;
        let delivery = bench.take_one(&first).await?;
        let error = (*error).to_owned();
        bench.settle_ours(&first, &delivery, Settlement::Bury { error }).await?;
    }
    subject.crash(first).await;
    let second = bench.open().await?;
    bench.gets_nothing(&second, bench.quiet(&second)).await?;
    bench.counts(Census { waiting: 0, leased: Some(0), buried: 5 }).await?;
    let mut buried = bench.does("look at what is buried", bench.patience(&second), subject.buried()).await?;
    buried.sort_by(|a, b| a.payload.cmp(&b.payload));
    let payloads: Vec<_> = buried.iter().map(|job| String::from_utf8_lossy(&job.payload)).collect();
    if payloads != ["0", "1", "2", "3", "4"] {
        return Err(bench.broken(format!("the jobs 0 to 4 were buried, and these are found: {payloads:?}")));
    }
    let kept = buried.first().and_then(|job| job.error.as_deref());
    match kept {
        Some(kept) if !kept.contains(errors[0]) => {
            Err(bench.broken(format!("{:?} was why, and {kept:?} is found", errors[0])))
        }
        _ => Ok(Verdict::Kept),
    }
}
