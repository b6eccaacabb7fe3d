use ebbtide_core::drain::StopSource;
use ebbtide_core::model::Cause;

fn main() {
    let source = StopSource::new(std::time::Instant::now);
    source.token().stop(Cause::Signal { number: 15 }, None);
}
