use crate::input::Place;

/// Where a setting that a file does not have can be added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Slot {
    /// The key, as the file would spell it.
    pub(crate) key: &'static str,
    pub(crate) at: SlotPlace,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SlotPlace {
    /// Among the entries of a mapping.
    Map { map: Place, first_key: Place, first_value: Place, second_key: Option<Place> },
    /// In the line after this place: the header of a section, or a setting that the new one overrides.
    LineAfter(Place),
}
