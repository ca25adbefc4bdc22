//! What the audit says. No text holds a count.

use std::fmt;

use crate::disclosure::policy::Attacker;
use crate::disclosure::table::CellName;

/// How a figure falls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FindingKind {
    /// It is printed, although the policy hides it.
    Published,
    /// It is printed in another table, or in an earlier publication.
    Elsewhere {
        /// Where.
        cell: CellName,
    },
    /// It is what these totals leave when everything else in them is known.
    Subtraction {
        /// The totals, the last of them the one that gives the figure.
        totals: Vec<CellName>,
    },
    /// These totals bound it, since counts are whole and not negative, until a single value is left.
    Bounds {
        /// The totals, the last of them the one that closes the interval.
        totals: Vec<CellName>,
    },
    /// Printed rates, with the totals named here, leave a single value.
    Rates {
        /// Where the rates and totals stand.
        totals: Vec<CellName>,
    },
    /// A sum of multiples of these totals leaves it and nothing else that is hidden.
    Combination {
        /// The totals that are combined.
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

impl FindingKind {
    /// Whether the figure has a single value.
    pub fn is_exact(&self) -> bool {
        !matches!(self, FindingKind::TooNarrow | FindingKind::Undecided | FindingKind::SmallSum { .. })
    }
}

/// One figure that the release does not protect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The figure; for a small sum, the total that shows it.
    pub cell: CellName,
    /// How it falls.
    pub kind: FindingKind,
    /// The weakest attacker to whom it falls.
    pub attacker: Attacker,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cell = &self.cell;
        match &self.kind {
            FindingKind::Published => write!(f, "{cell} is published"),
            FindingKind::Elsewhere { cell: other } => write!(f, "{cell} is published as {other}"),
            FindingKind::Subtraction { totals } => {
                let last = totals.last().map(ToString::to_string).unwrap_or_default();
                let steps = totals.len();
                write!(f, "{cell} can be subtracted in {steps} step(s), the last from the total {last}")
            }
            FindingKind::Bounds { totals } => {
                let last = totals.last().map(ToString::to_string).unwrap_or_default();
                write!(f, "{cell} is bounded to a single value by {} total(s), the last {last}", totals.len())
            }
            FindingKind::Rates { totals } => {
                let last = totals.last().map(ToString::to_string).unwrap_or_default();
                write!(f, "{cell} follows from printed rates in {} step(s), the last at {last}", totals.len())
            }
            FindingKind::Combination { totals } => {
                write!(f, "{cell} can be computed from {} totals taken together", totals.len())
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

/// What one attacker can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct View {
    /// Who.
    pub attacker: Attacker,
    /// Figures that they can compute, or bound more narrowly than the policy allows, or that could not be decided.
    pub fallen: usize,
    /// Of them, those with a single value.
    pub computed: usize,
}

/// The audit's result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditReport {
    /// Nothing was found that an attacker of the policy can compute.
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
    /// Hidden figures that an audit without targets could neither show to be protected nor to be small: their interval is
    /// narrower than the policy asks and holds both small values and others, so that it depends on the true value
    /// whether anybody is given away.
    pub doubtful: usize,
    /// What each attacker can do.
    pub attackers: Vec<View>,
}
