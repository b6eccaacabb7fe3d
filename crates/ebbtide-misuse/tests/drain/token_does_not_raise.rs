use ebbtide_core::drain::StopSource;
use ebbtide_core::model::Cause;

fn main() {
    let source = StopSource::new();
    source.token().stop(Cause::Signal { number: 15 }, None);
}
