//! Many of one kind cost no more than one by one.

use ebbtide::{LameDuck, Lifecycle};

use crate::own_process;

#[test]
fn thirty_thousand_temporary_files_are_one_component_and_none_is_left() {
    const NAME: &str = "many::thirty_thousand_temporary_files_are_one_component_and_none_is_left";
    own_process::run(NAME, || {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().to_owned();
        let report = Lifecycle::new("many").lame_duck(LameDuck::NONE).run_to_report(async move |life| {
            for number in 0..30_000 {
                let file = path.join(number.to_string());
                std::fs::write(&file, "")?;
                life.temporary(file)?;
            }
            life.stop("enough");
            Ok(())
        });
        let report = report.unwrap();
        let names: Vec<_> = report.components.iter().map(|component| component.name.as_str()).collect();
        assert_eq!((names, report.exit_code), (vec!["start-up", "temporary files"], 0));
        assert!(report.stop < report.plan.deadline, "{:?}", report.stop);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "none is left");
    });
}
