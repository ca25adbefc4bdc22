//! Averages, and other ratios of two amounts: of an amount, a count and their average two say the third.

use super::layout::Loaded;
use super::margins;
use super::spec::AverageSpec;
use super::words::Figure;
use crate::disclosure::Policy;
use crate::disclosure::primary_rules::MagnitudeRule;
use crate::error::{Error, Result};

/// An average's figures.
///
/// # Guarantees
/// [`crate::tablefile::protect`] leaves an average printed exactly where its amount and its count are both printed, and
/// only where it is their quotient: then it says nothing that they do not say. So no margin of averages, weighted or not,
/// gives a hidden amount or count.
///
/// # Does not protect against
/// An average that is of other figures than those of the spec.
pub(super) struct Average {
    pub(super) name: String,
    /// The measure above the line.
    pub(super) of: usize,
    /// The measure below it.
    pub(super) over: usize,
    decimals: u32,
    /// What an amount is multiplied with, and a count, so that their quotient is in units of the last decimal.
    up: i128,
    down: i128,
    /// By cell, in units of the last decimal.
    pub(super) values: Vec<Figure>,
}

/// What a figure is at least and at most.
pub(super) type Interval = (i64, i64);

/// A bound that is none.
const FAR: i64 = i64::MAX / 4;
/// Rounds after which the rest is left.
const ROUNDS: usize = 30;
/// How close nobody may come to a hidden amount, in percent, where no rule says so.
const CLOSE: u32 = 10;

impl Average {
    /// A column without figures; `decimals` are those of both measures.
    pub(super) fn new(
        name: &str,
        spec: &AverageSpec,
        (of, over): (usize, usize),
        decimals: (u32, u32),
        cells: usize,
    ) -> Self {
        let (up, down) = (10_i128.pow(spec.decimals + decimals.1), 10_i128.pow(decimals.0));
        let values = vec![Figure::ABSENT; cells];
        Self { name: name.to_owned(), of, over, decimals: spec.decimals, up, down, values }
    }

    /// The amounts that a printed average of so many allows, if a half may have been rounded either way.
    fn amounts(&self, printed: i64, over: Interval) -> Interval {
        let low = times(2 * i128::from(printed) - 1, self.down, over.0).max(0);
        let high = times(2 * i128::from(printed) + 1, self.down, over.1);
        (narrow(up(low, 2 * self.up)), narrow(high / (2 * self.up)))
    }

    /// The counts that a printed average of such an amount allows.
    fn counts(&self, printed: i64, of: Interval) -> Interval {
        let (below, above) = (2 * i128::from(printed) - 1, 2 * i128::from(printed) + 1);
        let low = up(times(2, self.up, of.0), above.saturating_mul(self.down)).max(1);
        let high = if below > 0 { times(2, self.up, of.1) / below.saturating_mul(self.down) } else { i128::from(FAR) };
        (narrow(low), narrow(high))
    }

    /// Whether a printed average is the quotient of its figures.
    fn fits(&self, printed: i64, of: i64, over: i64) -> bool {
        let (low, high) = self.amounts(printed, (over, over));
        over > 0 && (low..=high).contains(&of)
    }

    /// The quotient as it is printed, rounded half up; none of nobody.
    pub(super) fn word(&self, of: Option<i64>, over: Option<i64>) -> Option<String> {
        let (of, over) = (i128::from(of?), i128::from(over?));
        let below = self.down.checked_mul(over).filter(|&below| below > 0)?;
        let units = (of.checked_mul(self.up)?.checked_mul(2)? + below) / (2 * below);
        let (one, width) = (10_i128.pow(self.decimals), self.decimals as usize);
        Some(if width == 0 { units.to_string() } else { format!("{}.{:0width$}", units / one, units % one) })
    }
}

fn times(factor: i128, by: i128, value: i64) -> i128 {
    factor.saturating_mul(by).saturating_mul(i128::from(value))
}

fn up(value: i128, by: i128) -> i128 {
    value.saturating_add(by - 1).div_euclid(by.max(1))
}

fn narrow(value: i128) -> i64 {
    i64::try_from(value).unwrap_or(FAR).min(FAR)
}

/// Refuses an average that is not the quotient of its figures: nothing would be known of what it says.
///
/// # Errors
/// The first such, by its place.
pub(super) fn check(table: &Loaded) -> Result<()> {
    for average in &table.averages {
        let wrong = |&cell: &usize| {
            let Some(printed) = average.values[cell].printed() else { return false };
            let count = |measure: usize| table.values[measure][cell].count();
            !count(average.of).zip(count(average.over)).is_some_and(|(of, over)| average.fits(printed, of, over))
        };
        if let Some(cell) = (0..table.cells()).find(wrong) {
            let (of, over) = (&table.measures[average.of].name, &table.measures[average.over].name);
            let said = format!(
                "`{}` of table `{}` is not `{of}` over `{over}` at {}",
                average.name,
                table.name,
                table.name_of(cell)
            );
            return Err(Error::data("tables.average", said).with_hint(
                "an average is protected by what it is made of: name those measures, and as many `decimals` as it has",
            ));
        }
    }
    Ok(())
}

/// How close nobody may come to a hidden amount, in percent of it.
pub(super) fn closeness(policy: &Policy) -> u32 {
    let percent = policy.magnitudes.iter().filter_map(|rule| match *rule {
        MagnitudeRule::Percent { p } | MagnitudeRule::PriorPosterior { p, .. } => Some(p),
        _ => None,
    });
    percent.min().unwrap_or(CLOSE)
}

/// Whether an amount is known to so many percent of it.
pub(super) fn is_close((low, high): Interval, percent: u32) -> bool {
    low > 0 && high < FAR && 100 * i128::from(high - low) <= i128::from(percent) * i128::from(low)
}

/// What the printed figures, averages and totals of a table say of each figure, by measure and cell; `known` are those that
/// were computed otherwise. One total, or one average, is used at a time, over and over.
pub(super) fn intervals(table: &Loaded, known: &[Vec<Option<i64>>]) -> Vec<Vec<Interval>> {
    let start =
        |(value, known): (&Figure, &Option<i64>)| value.count().or(*known).map_or((0, FAR), |value| (value, value));
    let mut all: Vec<Vec<Interval>> =
        table.values.iter().zip(known).map(|(values, known)| values.iter().zip(known).map(start).collect()).collect();
    for _ in 0..ROUNDS {
        let mut changed = false;
        for average in &table.averages {
            for (cell, value) in average.values.iter().enumerate() {
                let Some(printed) = value.printed() else { continue };
                let of = average.amounts(printed, all[average.over][cell]);
                changed |= tighten(&mut all[average.of][cell], of);
                let over = average.counts(printed, all[average.of][cell]);
                changed |= tighten(&mut all[average.over][cell], over);
            }
        }
        for own in &mut all {
            margins::each_sum(table, |whole, parts| changed |= one_sum(own, whole, &parts));
        }
        if !changed {
            break;
        }
    }
    all
}

/// What a total and its parts say of each other.
fn one_sum(own: &mut [Interval], whole: usize, parts: &margins::Parts<'_>) -> bool {
    let (mut low, mut high, mut far) = (0_i64, 0_i64, 0);
    for part in parts.clone() {
        low = low.saturating_add(own[part].0).min(FAR);
        match own[part].1 {
            FAR => far += 1,
            most => high = high.saturating_add(most).min(FAR),
        }
    }
    let mut changed = tighten(&mut own[whole], (low, if far > 0 { FAR } else { high }));
    let total = own[whole];
    for part in parts.clone() {
        let (least, most) = own[part];
        let above = if total.1 < FAR { total.1 - (low - least) } else { FAR };
        let others = if most < FAR { (far == 0).then(|| high - most) } else { (far == 1).then_some(high) };
        let below = others.map_or(0, |others| total.0 - others);
        changed |= tighten(&mut own[part], (below, above));
    }
    changed
}

fn tighten(interval: &mut Interval, by: Interval) -> bool {
    let before = *interval;
    *interval = (before.0.max(by.0), before.1.min(by.1));
    *interval != before
}
