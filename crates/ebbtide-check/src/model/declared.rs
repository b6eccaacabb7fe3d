use crate::input::Place;

/// A setting: what its value is, and how that is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Declared<T> {
    /// It is in a file.
    Written(T, Place),
    /// It is in no file, and this is the platform's default.
    Default(T),
    /// It is in a file, but its value is not known before the deploy: a variable, a template, an invalid value.
    Unresolved(Place),
}

impl<T> Declared<T> {
    /// Returns the value, if it is known.
    pub(crate) fn value(&self) -> Option<&T> {
        match self {
            Self::Written(value, _) | Self::Default(value) => Some(value),
            Self::Unresolved(_) => None,
        }
    }

    /// Returns where it is written.
    pub(crate) fn place(&self) -> Option<Place> {
        match self {
            Self::Written(_, place) | Self::Unresolved(place) => Some(*place),
            Self::Default(_) => None,
        }
    }

    pub(crate) fn is_default(&self) -> bool {
        matches!(self, Self::Default(_))
    }
}

/// Returns whether a text is replaced before the deploy: by a shell, by a template of Helm, Jinja or Levant, by a parameter of Azure, or by a
/// build tool.
pub(crate) fn is_variable(text: &str) -> bool {
    let text = text.trim();
    let is_between = |sign: char| text.len() > 2 && text.starts_with(sign) && text.ends_with(sign);
    ["$", "{{", "{%", "[[", "<%"].iter().any(|mark| text.contains(mark))
        || text.starts_with('[')
        || is_between('@')
        || is_between('%')
}
