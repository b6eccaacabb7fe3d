use ebbtide_core::drain::StopSource;

fn main() {
    let source = StopSource::new(std::time::Instant::now);
    let _second_who_decides = source.clone();
}
