//! The certificate: a proof that hidden figures stay hidden, which anyone can check by additions.
//!
//! It is made from the public figures alone: a whole-number table that fits everything published, others as differences
//! from it, and combinations of totals that show which hidden figures cannot be small. [`verify`] adds up; it solves
//! nothing, and shares nothing with what made the certificate but the reader's equations. `tests/python/certificate.py`
//! is a second implementation of the check, from the format's description in `text`.
//!
//! | file | concept |
//! |---|---|
//! | `make` | a certificate from public tables |
//! | `reach` | moves of single figures |
//! | `exchanges` | a certificate of one large table |
//! | `leaves` | a whole table that fits it |
//! | `mend` | what is still off in it |
//! | `far` | linear programs for the last ones, and proofs that they need no change |
//! | `seen` | what they show |
//! | `verify` | the check |
//! | `above` | the totals that change with an innermost cell, for the check |
//! | `text` | the form in which certificates and public tables are written and read |

mod above;
mod exchanges;
mod far;
mod leaves;
mod make;
mod mend;
mod reach;
mod seen;
mod text;
mod verify;

pub use make::certify;
#[cfg(test)]
pub(super) use make::large_certificate;
pub use text::{TextError, public_text};
pub use verify::{CertificateError, CertificateReport, verify};

use super::policy::{Level, Policy, Zeros};

/// A proof about public tables.
///
/// Hidden figures are numbered: the printed measures' cells that no table prints, in the order in which they stand in the
/// tables (by table, measure and cell), the same figure in several places once. What no column prints (complements, those
/// who came since an earlier edition) follows from these by subtraction.
#[derive(Clone, PartialEq, Eq)]
pub struct Certificate {
    /// A digest of the public tables that it is about; the caller's, compared by the caller.
    pub about: String,
    /// The rules that it proves: minimum cell, level, zeros, 0 % and 100 % groups.
    pub policy: Rules,
    /// A value for each hidden figure, by number; with the published figures a whole table.
    pub base: Vec<i64>,
    /// Other whole tables, as differences from the base: (number, difference), sorted.
    pub tables: Vec<Vec<(u32, i64)>>,
    /// Others still, as differences from one of these tables, by number from 1; 0 is the base.
    pub moves: Vec<(u32, Vec<(u32, i64)>)>,
    /// And others, as changes of one of these tables among innermost cells: with a cell changes every total that it is part
    /// of. Only for one table of counts.
    pub cells: Vec<(u32, Vec<(u32, i64)>)>,
    /// Combinations of equations that bound figures, in the order in which they are to be applied.
    pub steps: Vec<Vec<(EquationName, i64)>>,
}

/// The rules that a certificate is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// The minimum cell.
    pub minimum_cell: u64,
    /// How far figures are protected.
    pub level: Level,
    /// Whether empty cells are printed.
    pub zeros: Zeros,
    /// Whether groups of nobody and everybody are protected.
    pub homogeneous: bool,
}

impl std::fmt::Display for Rules {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let level = match self.level {
            Level::Exact => "more than one value stays possible".to_owned(),
            Level::Interval(width) => format!("{} values stay possible", width.saturating_add(1)),
            Level::Percent(percent) => format!("{percent} percent above and below stay possible"),
            Level::Full => "not even that a figure is small can be told".to_owned(),
        };
        let zeros = if self.zeros == Zeros::Print { "empty cells are printed" } else { "a hidden cell may be empty" };
        write!(f, "minimum cell {}; {level}; {zeros}", self.minimum_cell)?;
        if self.homogeneous {
            f.write_str("; groups of nobody or everybody are hidden")?;
        }
        Ok(())
    }
}

impl Rules {
    /// The rules of a policy.
    pub fn of(policy: &Policy) -> Self {
        let &Policy { minimum_cell, level, zeros, homogeneous, .. } = policy;
        Rules { minimum_cell, level, zeros, homogeneous }
    }

    /// A policy with these rules.
    pub fn policy(self) -> Policy {
        let Rules { minimum_cell, level, zeros, homogeneous } = self;
        Policy { minimum_cell, level, zeros, homogeneous, ..Policy::default() }
    }
}

/// Which equation of the public tables is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EquationName {
    /// What it says.
    pub kind: EquationKind,
    /// The table, by number.
    pub table: u32,
    /// The measure of the total; the complement, by number among the table's measures and complements; the rate.
    pub index: u32,
    /// The cell, by number.
    pub cell: u32,
}

/// The kinds of equations, all of the form `sum of terms = 0`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EquationKind {
    /// The categories below a total along a dimension, by number, less the total.
    Along(u32),
    /// Numerator plus complement less denominator.
    Complement,
    /// Parts less their whole.
    Parts,
    /// `(2r + 1) d - 2 scale n - slack`.
    RateAbove,
    /// `2 scale n - (2r - 1) d - slack`.
    RateBelow,
    /// A universe's cell, plus those who came since, less the containing universe's, which is named by its first place.
    Since(u32),
}

impl std::fmt::Debug for Certificate {
    /// Shows the size only: values are as sensitive as any guess, and there are many.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Certificate")
            .field("about", &self.about)
            .field("policy", &self.policy)
            .field("figures", &self.base.len())
            .field("tables", &self.tables.len())
            .field("moves", &self.moves.len())
            .field("cells", &self.cells.len())
            .field("steps", &self.steps.len())
            .finish()
    }
}
