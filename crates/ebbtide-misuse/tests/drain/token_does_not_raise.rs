use ebbtide::drain::StopSource;
use ebbtide::model::Cause;

fn main() {
    let source = StopSource::new(std::time::Instant::now);
    source.token().stop(Cause::Signal { number: 15 }, None);
}
