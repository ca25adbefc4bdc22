//! The audit: what a reader of the published figures can compute.
//!
//! It shares no code with the search. It builds its own system from the public tables, puts in what is published,
//! subtracts until nothing more falls, and bounds what is left by linear programs. Protection is believed only on
//! whole-number solutions that are checked exactly against every equation; where neither a solution nor a bound
//! decides, the figure counts as not protected.

mod program;
mod reader;
mod report;
mod unknowns;

pub use reader::audit;
pub use report::{AuditReport, Finding, FindingKind, Narrowest};
