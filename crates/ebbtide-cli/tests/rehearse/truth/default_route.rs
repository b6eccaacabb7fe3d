//! Where the load goes when nobody said so.

use super::scene::{Row, Says, holds};

#[test]
fn a_service_that_stops_well_passes_with_its_readiness_url_alone() {
    holds(&Row::innocent("perfect", &[]));
}

#[test]
fn the_load_never_goes_to_the_readiness_path_by_itself() {
    holds(&Row::innocent("no-root", &[]));
    let seen = holds(&Row::innocent("only-readiness", &[]).says(Says::NotRehearsed));
    assert!(seen.words().contains("no route to load was found: / answers 404"), "{}", seen.words());
    assert!(seen.words().contains("--url"), "{}", seen.words());
}

#[test]
fn the_load_never_goes_to_another_name_of_the_readiness_path_by_itself() {
    holds(&Row::innocent("health-aliases", &[]));
}

#[test]
fn a_status_that_readiness_announces_is_no_loss_on_its_own_path() {
    holds(&Row::innocent("perfect", &["--url=keepalive=/readyz", "--require-readiness"]));
    // The same status elsewhere is one.
    holds(&Row::guilty("refuses-503", &[("requests-answered", "status 503")]));
}
