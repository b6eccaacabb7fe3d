/// A setting requires a feature that this build does not have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{setting}` requires the feature `{feature}`, which this build does not have")]
pub struct MissingFeature {
    setting: String,
    feature: &'static str,
}

impl MissingFeature {
    /// Describes a setting, such as `--queue redis` or `DATABASE_URL`, and the feature that it requires.
    pub fn new(setting: impl Into<String>, feature: &'static str) -> Self {
        Self { setting: setting.into(), feature }
    }

    /// Returns what to do about it.
    pub fn hint(&self) -> String {
        let Self { setting, feature } = self;
        format!("build with `cargo build --release --features {feature}`, or run without `{setting}`")
    }
}
