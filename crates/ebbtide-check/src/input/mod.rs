//! Files and texts to check, and places in them.

mod environment;
mod neighbours;
mod place;
mod problem;
mod read;
mod sources;
mod unit_folders;
mod units;
mod walk;

pub use environment::environment_files;
pub(crate) use environment::folder_of_units;
pub use neighbours::neighbours;
pub(crate) use neighbours::{COMPOSE_BASES, COMPOSE_OVERRIDES, DropIns, GUNICORN_FILE, drop_ins_of};
pub use place::{Place, Position, SourceId};
pub use problem::Problem;
pub(crate) use problem::UNRENDERED;
pub use read::read_text;
pub use sources::{Source, Sources, plain_path};
pub(crate) use unit_folders::unit_folder;
pub(crate) use units::{UNITS, UnitRole, unit_kind};
pub use walk::{collect, siblings};
