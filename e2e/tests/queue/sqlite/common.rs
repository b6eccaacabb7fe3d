//! What holds for every table.

use super::place::File;

crate::table::all_tests!(File);
