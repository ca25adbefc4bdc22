//! What the audit says. No text holds a count.

use std::fmt;

use crate::disclosure::table::CellName;

/// How a figure falls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FindingKind {
    /// It is printed, or two printed figures leave it, although the policy hides it.
    Published,
    /// It is what these totals leave when everything else in them is known.
    Subtraction {
        /// The totals, the last of them the one that gives the figure.
        totals: Vec<CellName>,
    },
    /// Counts that are whole and not negative leave it a single value.
    SingleValue,
    /// The interval that is left is narrower than the policy asks, or does not reach the minimum cell.
    TooNarrow,
    /// A published total shows that hidden figures add up to a small group.
    SmallSum {
        /// How many hidden figures.
        figures: usize,
    },
    /// Neither protected nor shown to fall within the audit's means; counts as not protected.
    Undecided,
}

/// One figure that the release does not protect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The figure; for a small sum, the total that shows it.
    pub cell: CellName,
    /// How it falls.
    pub kind: FindingKind,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cell = &self.cell;
        match &self.kind {
            FindingKind::Published => write!(f, "{cell} is published"),
            FindingKind::Subtraction { totals } => {
                let last = totals.last().map(ToString::to_string).unwrap_or_default();
                let steps = totals.len();
                write!(f, "{cell} can be subtracted in {steps} step(s), the last from the total {last}")
            }
            FindingKind::SingleValue => write!(f, "{cell} has only one value that fits what is published"),
            FindingKind::TooNarrow => write!(f, "{cell} can be bounded more narrowly than the policy allows"),
            FindingKind::SmallSum { figures } => {
                write!(f, "{figures} hidden figures under {cell} are shown to add up to a small group")
            }
            FindingKind::Undecided => write!(f, "{cell} could not be shown to be protected"),
        }
    }
}

/// The narrowest interval of a protected figure, as a class.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Narrowest {
    /// A single value.
    SingleValue,
    /// Narrower than the policy asks.
    TooNarrow,
    /// As wide as the policy asks, or wider.
    AsRequired,
    /// Nothing had to be protected.
    Nothing,
}

/// The audit's result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditReport {
    /// Nothing was found.
    pub passed: bool,
    /// Figures examined.
    pub examined: usize,
    /// Of them, shown to be protected by whole-number solutions.
    pub protected: usize,
    /// Sums that published totals imply, examined.
    pub sums: usize,
    /// What falls.
    pub findings: Vec<Finding>,
    /// Figures that no column gives, before any subtraction.
    pub hidden: usize,
    /// Independent systems among the unknowns.
    pub components: usize,
    /// Linear programs solved.
    pub linear_programs: usize,
    /// The narrowest interval.
    pub narrowest: Narrowest,
}
