//! The primary rules beyond small counts, as pure functions: what must be protected, and how far.
//!
//! Nothing here hides anything. Each rule looks at one cell, or at one line of cells, and says whether a reader must not
//! learn its figure, and which interval must stay open ([`Requirement`](super::Requirement)).
//!
//! | file | concept |
//! |---|---|
//! | `contributions` | who stands behind a magnitude: how many, and the largest of them |
//! | `magnitude` | minimum contributors and organisations, dominance, p %, p/q |
//! | `implied` | averages and ratios, and the sums that they imply |
//! | `quantile` | medians and quantiles with enough people on both sides |
//! | `minimum` | the minimum count by dimension, by category and by source |
//! | `partner` | categories that are hidden together with others; groups of nobody and everybody |
//! | `bands`, `profiles` | percentages in bands, coarser the smaller the group |
//! | `score` | points for what a table says of people: which tables somebody looks at |

mod bands;
mod contributions;
mod implied;
mod magnitude;
mod minimum;
mod partner;
mod profiles;
mod quantile;
mod score;

#[cfg(test)]
mod tests;

pub(super) use bands::within_group;
pub use bands::{Band, Bands, Block, Printed, SizeClass};
pub use contributions::Contributions;
pub use implied::{average_of, implied_count, implied_sum, sensitive_average};
pub use magnitude::{MagnitudeRule, Sensitive, wage_rules};
pub use minimum::{Minimums, Scope};
pub use partner::{is_homogeneous, partners};
pub use quantile::{Quantile, QuantileFault};
pub use score::{Area, Edition, REVIEW_ABOVE, ScoreLine, Scored, Variable};
