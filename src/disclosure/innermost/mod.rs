//! One large table by its innermost cells: totals that are hidden follow from what is below them, so that a change of
//! innermost cells is a change of whole tables as long as it keeps the totals that are published.
//!
//! | file | concept |
//! |---|---|
//! | `ground` | the innermost cells, and the totals that limit them |
//! | `gather` | a whole table in which people stand together |
//! | `cycles` | changes of a few cells |
//! | `raise` | such changes for every hidden cell |
//! | `threads` | the two threads that look at cells |

mod cycles;
mod gather;
mod ground;
mod raise;
mod threads;

pub(in crate::disclosure) use gather::gather;
pub(in crate::disclosure) use ground::{Axis, Ground, Pools, is_leaf};
pub(in crate::disclosure) use raise::{Change, Goals, raise};
pub(in crate::disclosure) use threads::both;
