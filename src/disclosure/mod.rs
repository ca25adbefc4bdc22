//! Statistical disclosure control: which cells of the tables of a release are hidden, and the proof that it is enough.
//!
//! [`protect`] takes tables with all their margins and a [`Policy`], hides the cells that the primary rules name, then
//! as few others as it finds so that nobody can compute the first, and has the result audited. [`audit`] stands
//! alone: it takes what is published and says what a reader can compute from it. Nothing here knows of files, people
//! or queries.
//!
//! | file | concept |
//! |---|---|
//! | `table` | tables as they are tabulated |
//! | `policy` | rules, statuses, summary |
//! | `system` | the release as one linear system |
//! | `primary` | the primary rules, and what a hidden mark says by itself |
//! | `condense`, `kernel`, `local`, `simplex`, `exchange`, `optimum`, `search` | the complementary search |
//! | `public` | what a reader sees |
//! | `audit` | what a reader can compute; shares no code with the search |

mod audit;
mod condense;
mod error;
mod exchange;
mod kernel;
mod local;
mod optimum;
mod policy;
mod primary;
mod protect;
mod public;
mod search;
mod simplex;
mod system;
mod table;

#[cfg(test)]
mod tests;

pub use audit::{AuditReport, Finding, FindingKind, Narrowest, audit};
pub use error::DisclosureError;
pub use policy::{
    Attacker, Level, Phase, Policy, Preference, Progress, Reason, Requirement, Status, Summary, Weight, Zeros,
};
pub use primary::Target;
pub use protect::{Protected, protect, protect_until, targets};
pub use public::{Change, Evidence, PublicRate, PublicTable, Within, public_view};
pub use table::{CellName, Dimension, Measure, MeasureKind, Node, Table};
