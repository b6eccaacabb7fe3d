use ebbtide_core::drain::StopSource;

fn main() {
    let source = StopSource::new();
    let _second_who_decides = source.clone();
}
