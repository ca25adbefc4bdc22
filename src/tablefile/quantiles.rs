//! Medians and other quantiles: printed of large groups, in the middle, and rounded.

use super::layout::Loaded;
use super::spec::QuantileSpec;
use super::words::Figure;
use crate::disclosure::primary_rules::Quantile;

/// A quantile's figures.
///
/// # Guarantees
/// What [`crate::tablefile::protect`] leaves printed stands beside a printed count of its people that is at least the
/// quantile's minimum, has at least `each_side` people on each side of its place, and is a multiple of the grain.
///
/// # Does not protect against
/// That most of a group have one value (only records say), several quantiles of one group together, and averages.
///
/// # Reference
/// Rule S13; R. J. Hyndman and Y. Fan, "Sample quantiles in statistical packages", The American Statistician 50 (1996).
pub(super) struct Quantiles {
    /// The measure of the people.
    pub(super) people: usize,
    part: [u64; 2],
    decimals: u32,
    rule: Quantile,
    /// By cell, in units of the last decimal.
    pub(super) values: Vec<Figure>,
}

/// The rule of a column, in units of its last decimal.
pub(super) fn rule(spec: &QuantileSpec) -> Quantile {
    let unit = 10_i64.pow(spec.decimals.min(9));
    let grain = i64::try_from(spec.grain).unwrap_or(i64::MAX).saturating_mul(unit);
    Quantile { minimum: spec.minimum, each_side: spec.each_side, grain }
}

impl Quantiles {
    /// A column without figures.
    pub(super) fn new(spec: &QuantileSpec, people: usize, cells: usize) -> Self {
        let (part, decimals) = (spec.part, spec.decimals);
        Self { people, part, decimals, rule: rule(spec), values: vec![Figure::ABSENT; cells] }
    }

    /// Whether the group is one of which a quantile may be printed.
    fn admits(&self, people: i64) -> bool {
        let [part, whole] = self.part;
        self.rule.places(people.unsigned_abs(), part, whole).is_ok()
    }

    /// Whether the figure must be hidden in a group of so many people, whose count is not hidden.
    pub(super) fn is_hidden(&self, cell: usize, people: Option<i64>) -> bool {
        self.values[cell].printed().is_some() && !people.is_some_and(|people| self.admits(people))
    }

    /// The figure as it is printed, rounded; none where there is none.
    pub(super) fn word(&self, cell: usize) -> Option<String> {
        let rounded = self.rule.rounded(self.values[cell].printed()?)?;
        let (one, width) = (10_i64.pow(self.decimals), self.decimals as usize);
        let whole = rounded / one;
        Some(if width == 0 { whole.to_string() } else { format!("{whole}.{:0width$}", rounded % one) })
    }

    /// The cells of a published table in which the figure should not be printed, or not so.
    pub(super) fn faults<'t>(&'t self, table: &'t Loaded) -> impl Iterator<Item = usize> + 't {
        let people = &table.values[self.people];
        (0..self.values.len()).filter(move |&cell| {
            let Some(value) = self.values[cell].printed() else { return false };
            !people[cell].count().is_some_and(|people| self.admits(people)) || value % self.rule.grain != 0
        })
    }
}
