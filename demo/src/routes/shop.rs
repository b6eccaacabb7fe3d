use ebbtide::lifecycle::Pool;

use crate::orders::Taking;
use crate::store::Store;

/// What the handlers share.
#[derive(Clone, Debug)]
pub(crate) struct Shop {
    pub(crate) store: Store,
    pub(crate) intake: Pool<Taking>,
}
