//! What holds for every table.

use super::place::Database;

crate::table::all_tests!(Database);
