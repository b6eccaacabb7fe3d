use crate::knowledge::{is_server_package, server_of_image};
use crate::model::{Container, Declared, Platform, Workload, signal_name};

/// Returns the stop signal that a container certainly receives, without `SIG`. `None`: it is that of an image of which this check knows nothing.
pub(super) fn sent(workload: &Workload, container: &Container) -> Option<String> {
    let of_unit = workload.unit.as_ref().and_then(|unit| unit.kill_signal.as_ref());
    match container.stop_signal.as_ref().or(of_unit) {
        Some(signal) => signal.value().map(|signal| signal_name(signal)),
        None if container.default_signal.is_some() => container.default_signal.map(signal_name),
        None if sends_sigterm(workload.platform) => Some("TERM".to_owned()),
        None => of_image(container),
    }
}

fn sends_sigterm(platform: Platform) -> bool {
    matches!(
        platform,
        Platform::Systemd
            | Platform::Heroku
            | Platform::Render
            | Platform::CloudRun
            | Platform::ContainerApps
    )
}

/// Returns the stop signal of an image that is built in the input: that of its Dockerfile or of its base. An image that installs a server has none
/// of its own.
pub(crate) fn signal_of_image(image: &Container) -> Option<Declared<String>> {
    let base = image.image.as_ref().and_then(Declared::value).and_then(|base| server_of_image(base));
    let installs = image.packages.iter().any(|package| is_server_package(&package.text));
    let of_base = base.map(|server| server.signal).or(installs.then_some("SIGTERM"));
    image.stop_signal.clone().or(of_base.map(|signal| Declared::Default(signal.to_owned())))
}

/// Returns the STOPSIGNAL of the image: that of its Dockerfile, else that of the official image that it is.
fn of_image(container: &Container) -> Option<String> {
    let built = container.built_command.as_ref().and_then(|built| built.signal.as_ref());
    match built {
        Some(signal) => signal.value().map(|signal| signal_name(signal)),
        None => {
            let Some(Declared::Written(image, _)) = &container.image else { return None };
            Some(signal_name(server_of_image(image)?.signal))
        }
    }
}
