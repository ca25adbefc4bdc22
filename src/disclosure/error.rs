//! What can go wrong. No message holds a count.

use super::audit::AuditReport;
use super::table::CellName;

/// Why tables could not be protected or audited. Messages read on from "failed to ...".
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DisclosureError {
    /// A table's form is wrong.
    #[error("the table {table} is not well formed: {what}")]
    InvalidTable {
        /// The table's name.
        table: String,
        /// The fault.
        what: String,
    },
    /// A policy that cannot be carried out.
    #[error("the disclosure policy is not usable: {what}")]
    InvalidPolicy {
        /// The fault.
        what: String,
    },
    /// One cell with two values.
    #[error("two tables give different figures for one cell: {first} and {second}")]
    Conflict {
        /// One of the places.
        first: Box<CellName>,
        /// The other.
        second: Box<CellName>,
    },
    /// A total that is not the sum of its parts.
    #[error("{total} is not the sum of its parts ({rule})")]
    NotAdditive {
        /// The total.
        total: Box<CellName>,
        /// How the parts are related to the total.
        rule: String,
    },
    /// A numerator above its denominator.
    #[error("{cell} is negative: the part is larger than the whole")]
    NumeratorTooLarge {
        /// The complement that would be negative.
        cell: Box<CellName>,
    },
    /// No pattern was found that protects these cells.
    #[error("no pattern of hidden cells protects {}", list(.cells))]
    Unprotectable {
        /// The cells that stand in the way.
        cells: Vec<CellName>,
    },
    /// No additive rounding was found that keeps these cells as near as the policy asks.
    #[error("no rounding keeps {} near enough to the true figures", list(.cells))]
    Unroundable {
        /// The cells that stand in the way.
        cells: Vec<CellName>,
    },
    /// Changed figures that say too much together with those of earlier releases.
    #[error("together with earlier releases too little stays open about {}", list(.cells))]
    Beside {
        /// The cells about which too much would be known.
        cells: Vec<CellName>,
    },
    /// Two protections over the same people.
    #[error("the tables {first} ({}) and {second} ({}) count the same people under different protections", .protections[0], .protections[1])]
    Mixed {
        /// One of the tables.
        first: String,
        /// The other.
        second: String,
        /// How each is protected.
        protections: [&'static str; 2],
    },
    /// The figures that are published contradict each other.
    #[error("the published figures contradict each other at {cell}")]
    Contradiction {
        /// The total at which they do.
        cell: Box<CellName>,
    },
    /// The search for a whole table that fits gave up.
    #[error("no whole table was found that fits the published figures at {cell}")]
    Unassigned {
        /// A hidden figure of the part of the release where none was found.
        cell: Box<CellName>,
    },
    /// The audit found something that a reader can compute.
    #[error("the audit does not pass: {} finding(s), the first: {}", .0.findings.len(), first(.0))]
    AuditFailed(Box<AuditReport>),
}

impl DisclosureError {
    /// What to do next.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::InvalidTable { .. } => "correct the table's dimensions, measures or values",
            Self::InvalidPolicy { .. } => "use a minimum cell of at least 2 and an interval of at least 1",
            Self::Conflict { .. } => {
                "count both tables from the same rows, or give them different universes if they count different people"
            }
            Self::NotAdditive { .. } => "tabulate the total from the same rows as its parts",
            Self::NumeratorTooLarge { .. } => "count the numerator among the rows of its denominator",
            Self::Unprotectable { .. } => {
                "hide the margin above these cells, merge categories, or drop the table from the release"
            }
            Self::Unroundable { .. } => {
                "allow more bases of distance, use another base, or drop a table from the release"
            }
            Self::Beside { .. } => "merge categories or drop a table, or publish again when more people have come",
            Self::Mixed { .. } => {
                "give all tables that count the same people one protection with the same parameters, or leave one table out"
            }
            Self::Contradiction { .. } => "audit the tables of one release together, as they were published",
            Self::Unassigned { .. } => "split the release into tables that share fewer totals",
            Self::AuditFailed(_) => "do not publish; read the findings, then merge categories or drop a table",
        }
    }

    /// A stable code for machines.
    pub fn code(&self) -> &'static str {
        match self {
            Self::InvalidTable { .. } => "disclosure.invalid_table",
            Self::InvalidPolicy { .. } => "disclosure.invalid_policy",
            Self::Conflict { .. } => "disclosure.conflict",
            Self::NotAdditive { .. } => "disclosure.not_additive",
            Self::NumeratorTooLarge { .. } => "disclosure.numerator_too_large",
            Self::Unprotectable { .. } => "disclosure.unprotectable",
            Self::Unroundable { .. } => "disclosure.unroundable",
            Self::Beside { .. } => "disclosure.beside",
            Self::Mixed { .. } => "disclosure.mixed_protections",
            Self::Contradiction { .. } => "disclosure.contradiction",
            Self::Unassigned { .. } => "disclosure.unassigned",
            Self::AuditFailed(_) => "disclosure.audit_failed",
        }
    }
}

/// At most three names, then how many more.
fn list(cells: &[CellName]) -> String {
    let mut text: Vec<String> = cells.iter().take(3).map(ToString::to_string).collect();
    if cells.len() > 3 {
        text.push(format!("{} more", cells.len() - 3));
    }
    text.join("; ")
}

fn first(report: &AuditReport) -> String {
    report.findings.first().map_or_else(|| "none".to_owned(), ToString::to_string)
}
