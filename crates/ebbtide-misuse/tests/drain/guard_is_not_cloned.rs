use ebbtide_core::drain::Tracker;

fn main() {
    let guard = Tracker::new().guard();
    let _counted_twice = guard.clone();
}
