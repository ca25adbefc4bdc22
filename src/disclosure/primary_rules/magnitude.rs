//! When the total of a magnitude is sensitive, and how far it must stay open.
//!
//! With contributions `x1 >= x2 >= ... >= 0` that add up to `X` (A. Hundepool, J. Domingo-Ferrer, L. Franconi,
//! S. Giessing, E. Schulte Nordholt, K. Spicer and P.-P. de Wolf, "Statistical Disclosure Control", Wiley 2012,
//! sections 4.2.1 and 4.2.2):
//!
//! | rule | sensitive when | the upper bound must reach `X` and |
//! |---|---|---|
//! | minimum frequency | fewer than `n` contribute | a range of the total, or nothing |
//! | (n,k) dominance | `x1 + ... + xn > k/100 X` | `100/k (x1 + ... + xn) - X` |
//! | p % | `X - x1 - x2 < p/100 x1` | `p/100 x1 - (X - x1 - x2)` |
//! | p/q (prior-posterior) | `X - x1 - x2 < p/q x1` | `p/q x1 - (X - x1 - x2)` |
//!
//! All comparisons are exact, in whole numbers.

use super::contributions::Contributions;
use crate::disclosure::error::DisclosureError;
use crate::disclosure::policy::{Reason, Requirement};

/// A rule for totals of magnitudes. Its parameters are confidential: who knows them knows more about hidden totals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MagnitudeRule {
    /// At least so many people.
    Contributors {
        /// Fewer are sensitive; at least 3, since each of two knows the other.
        minimum: u64,
        /// How far below and above the total the interval must reach, in percent of it; 0 asks for any second value.
        range: u32,
    },
    /// At least so many organisations.
    Organisations {
        /// Fewer are sensitive.
        minimum: u64,
        /// As for contributors.
        range: u32,
    },
    /// (n,k) dominance.
    Dominance {
        /// So many of the largest together ...
        n: u64,
        /// ... have more than this percentage of the total, 1 to 99.
        k: u32,
    },
    /// The p % rule: the second largest must not be able to estimate the largest from above to within p percent of it.
    Percent {
        /// 1 to 100 or more.
        p: u32,
    },
    /// The p/q rule: who can estimate the rest to within q percent beforehand must not be able to estimate the largest to
    /// within p percent.
    PriorPosterior {
        /// After publication.
        p: u32,
        /// Before it, above p and up to 100.
        q: u32,
    },
}

/// A total that a reader must not learn.
#[derive(Clone, PartialEq, Eq)]
pub struct Sensitive {
    /// The first rule that says so.
    pub reason: Reason,
    /// What all rules that say so ask for together.
    pub requirement: Requirement,
}

impl std::fmt::Debug for Sensitive {
    /// Shows the reason only: the requirement holds the total.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sensitive").field("reason", &self.reason).finish_non_exhaustive()
    }
}

/// The rule for wages of the United States' QCEW: at least three employers, none of whom has more than 80 percent
/// (rule S12).
pub fn wage_rules() -> [MagnitudeRule; 2] {
    [MagnitudeRule::Organisations { minimum: 3, range: 0 }, MagnitudeRule::Dominance { n: 1, k: 80 }]
}

impl MagnitudeRule {
    /// Checks the parameters.
    ///
    /// # Errors
    /// [`DisclosureError::InvalidPolicy`].
    pub fn check(&self) -> Result<(), DisclosureError> {
        let fault = |what: &str| Err(DisclosureError::InvalidPolicy { what: what.to_owned() });
        match *self {
            MagnitudeRule::Contributors { minimum, range } | MagnitudeRule::Organisations { minimum, range }
                if !(2..=1_000_000).contains(&minimum) || range > 1000 =>
            {
                fault("a minimum of contributors is from 2, its range up to 1000 percent")
            }
            MagnitudeRule::Dominance { n, k } if n == 0 || !(1..100).contains(&k) => {
                fault("a dominance rule needs n from 1 and k from 1 to 99 percent")
            }
            MagnitudeRule::Percent { p } if !(1..=1000).contains(&p) => fault("p is from 1 to 1000 percent"),
            MagnitudeRule::PriorPosterior { p, q } if p == 0 || p >= q || q > 100 => {
                fault("a p/q rule needs p below q and q up to 100 percent")
            }
            _ => Ok(()),
        }
    }

    /// How far above the total the reader's upper bound must lie for the rule to be kept; `None` where the total may be
    /// published.
    fn protection(&self, cell: &Contributions) -> Option<(Reason, i128)> {
        let sum = i128::from(cell.sum());
        let few = |count: u64, minimum: u64, range: u32, reason| {
            (count > 0 && count < minimum).then(|| (reason, rounded_up(sum * i128::from(range), 100)))
        };
        let excess = |numerator: i128, denominator: i128, reason| {
            (numerator > 0).then(|| (reason, rounded_up(numerator, denominator)))
        };
        let remainder = sum - cell.top(2);
        match *self {
            MagnitudeRule::Contributors { minimum, range } => {
                few(cell.contributors(), minimum, range, Reason::Contributors)
            }
            MagnitudeRule::Organisations { minimum, range } => {
                few(cell.organisations(), minimum, range, Reason::Organisations)
            }
            MagnitudeRule::Dominance { n, k } => {
                excess(100 * cell.top(n) - i128::from(k) * sum, i128::from(k), Reason::Dominance)
            }
            MagnitudeRule::Percent { p } => {
                excess(i128::from(p) * cell.first() - 100 * remainder, 100, Reason::Percent)
            }
            MagnitudeRule::PriorPosterior { p, q } => {
                let q = i128::from(q);
                excess(i128::from(p) * cell.first() - q * remainder, q, Reason::PriorPosterior)
            }
        }
    }

    /// Applies rules to a cell. `None` where its total may be published.
    ///
    /// The interval asked for reaches as far below the total as above it, as is usual (Hundepool et al. 2012, 4.2.2),
    /// though not below 0, and has at least one value beside the total.
    ///
    /// # Does not protect against
    /// A contributor who is in several hidden cells of one total, or two cells with one contributor each: there the
    /// interval of each cell is not enough (ibid.). The audit's contributor looks at these.
    pub fn judge(rules: &[MagnitudeRule], cell: &Contributions) -> Option<Sensitive> {
        let mut found: Option<Sensitive> = None;
        for (reason, above) in rules.iter().filter_map(|rule| rule.protection(cell)) {
            let above = i64::try_from(above).unwrap_or(i64::MAX / 4).min(i64::MAX / 4);
            let sum = cell.sum();
            let own = Requirement {
                upper: sum.saturating_add(above),
                lower: sum.saturating_sub(above).max(0),
                width: above.max(1),
            };
            found = Some(match found {
                None => Sensitive { reason, requirement: own },
                Some(first) => Sensitive { requirement: first.requirement.and(own), ..first },
            });
        }
        found
    }
}

/// The quotient of a number that is not negative, rounded up.
fn rounded_up(numerator: i128, denominator: i128) -> i128 {
    (numerator + denominator - 1) / denominator
}
