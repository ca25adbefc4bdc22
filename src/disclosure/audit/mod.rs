mod assign;
mod bounds;
mod chain;
mod contributors;
mod examine;
mod figures;
mod insiders;
mod judge;
mod open;
mod program;
mod prove;
mod reader;
mod report;
mod room;
mod system;
mod walk;
mod witness;

pub(in crate::disclosure) use contributors::{At, Computed, Knowledge};
pub(in crate::disclosure) use insiders::computed_by_insiders;
pub(in crate::disclosure) use reader::{Asked, audit_closely};
pub use reader::{Published, audit, audit_told};
pub use report::{AuditReport, Finding, FindingKind, Narrowest, View};

/// The parts of the machinery that make and check certificates.
pub(in crate::disclosure) mod parts {
    pub(in crate::disclosure) use super::assign::{Estimate, assign};
    pub(in crate::disclosure) use super::bounds::{Bounds, Broken};
    pub(in crate::disclosure) use super::chain::mix;
    pub(in crate::disclosure) use super::examine::{EFFORT, contradiction};
    pub(in crate::disclosure) use super::figures::{Extra, NONE, UNBOUNDED};
    pub(in crate::disclosure) use super::open::Open;
    pub(in crate::disclosure) use super::room::{Move, Room, Shown};
    pub(in crate::disclosure) use super::system::{Columns, Rule, System};
    pub(in crate::disclosure) use super::witness::{
        Find, Round, Wants, goals, is_unmet, one_by_one, rounds, whole_tables,
    };
    #[cfg(test)]
    pub(in crate::disclosure) use super::{bounds::Side, prove::check as proven, walk::walk};
}
