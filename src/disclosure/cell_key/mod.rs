//! The cell-key method: noise that depends on the people in a cell and on nothing else.
//!
//! | file | concept |
//! |---|---|
//! | `keys` | the keys of cells |
//! | `noise` | the perturbation table |

mod keys;
mod noise;

#[cfg(test)]
mod tests;

use std::fmt;

use super::bounds;
use super::error::DisclosureError;
use super::policy::{Phase, Policy, Progress};
use super::protection::{counts_only, is_open};
use super::system::{self, Place, Release};
use super::table::{CellName, MeasureKind, Table};

pub use keys::Keys;

/// The parameters of the noise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CellKey {
    /// The noise is at most this (D), 1 to 100.
    pub maximum: u32,
    /// The variance of the noise (V) in hundredths, where the count admits it; else the nearest that it admits.
    pub variance_percent: u32,
    /// No count from 1 to this is printed (js); 0 prints all.
    pub threshold: u32,
}

/// The distribution of the noise by count.
#[derive(Clone, PartialEq, Eq)]
pub struct NoiseTable {
    rows: Vec<noise::Row>,
}

impl fmt::Debug for NoiseTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NoiseTable").field("rows", &self.rows.len()).finish_non_exhaustive()
    }
}

impl NoiseTable {
    /// Designs the noise.
    ///
    /// # Errors
    /// [`DisclosureError::InvalidPolicy`] where a count has no unbiased noise, as when the threshold is not below
    /// the maximum: the count above it could go up and not come down to 0.
    pub fn new(rule: &CellKey) -> Result<Self, DisclosureError> {
        let fault = |what: &str| Err(DisclosureError::InvalidPolicy { what: what.to_owned() });
        if !(1..=100).contains(&rule.maximum) || rule.variance_percent == 0 {
            return fault("the maximum noise is not from 1 to 100, or its variance is 0");
        }
        if rule.threshold >= rule.maximum {
            return fault(
                "the threshold is not below the maximum noise, so that the count above it has no unbiased noise",
            );
        }
        match noise::rows(rule) {
            Some(rows) => Ok(NoiseTable { rows }),
            None => fault("small counts have no unbiased noise of this maximum and variance"),
        }
    }

    fn row(&self, count: i64) -> &noise::Row {
        let last = self.rows.len() - 1;
        &self.rows[usize::try_from(count).map_or(last, |count| count.min(last))]
    }

    /// The noise of a count, given the key of its cell.
    pub fn noise(&self, count: i64, key: u64) -> i64 {
        self.row(count).draw(mixed(key) >> 32)
    }

    /// The probability of each noise of a count.
    pub fn distribution(&self, count: i64) -> Vec<(i64, f64)> {
        let row = self.row(count);
        let share = |&share: &u64| share as f64 / noise::WHOLE as f64;
        row.noise.iter().copied().zip(row.shares.iter().map(share)).collect()
    }

    /// The least and the greatest count that can be printed as this figure.
    pub fn sources(&self, printed: i64) -> (i64, i64) {
        let most = i64::try_from(self.rows.len()).unwrap_or(i64::MAX);
        let can = |count: &i64| {
            let row = self.row(*count);
            let at = row.noise.iter().position(|noise| count + noise == printed);
            at.is_some_and(|at| row.shares[at] > 0)
        };
        let mut counts = ((printed - most).max(0)..=printed.saturating_add(most)).filter(can);
        let first = counts.next().unwrap_or(printed);
        (first, counts.next_back().unwrap_or(first))
    }
}

/// A permutation of the keys that breaks their sums up: without it the noise of two cells would say where that of both
/// together lies (the finalizer of SplitMix64).
fn mixed(key: u64) -> u64 {
    let key = (key ^ (key >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let key = (key ^ (key >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    key ^ (key >> 31)
}

impl CellKey {
    /// Checks that each figure as which a small count can be printed leaves open what the policy asks for, taken by
    /// itself.
    ///
    /// # Errors
    /// [`DisclosureError::InvalidPolicy`] if not, with what to change.
    pub fn check(&self, policy: &Policy) -> Result<(), DisclosureError> {
        let table = NoiseTable::new(self)?;
        let open = |count: i64| {
            table
                .distribution(count)
                .into_iter()
                .filter(|&(_, probability)| probability > 0.0)
                .all(|(noise, _)| is_open(policy, count, table.sources(count + noise)))
        };
        if (1..policy.minimum()).all(open) {
            return Ok(());
        }
        let what = format!(
            "noise of at most {} leaves small counts too narrow; use a larger maximum (the minimum cell for the level \
             full) or another level",
            self.maximum
        );
        Err(DisclosureError::InvalidPolicy { what })
    }
}

/// What came of the perturbation. For stewards.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CellKeyReport {
    /// Printed figures, each table's copy counted.
    pub figures: usize,
    /// Of them, not equal to the true ones.
    pub changed: usize,
    /// The sum of the absolute noise.
    pub distance: i64,
    /// Totals that are not the sum of their printed parts.
    pub unequal_sums: usize,
    /// Small figures that the printed totals narrow below the policy's level, though not to one value.
    pub narrowed: Vec<CellName>,
}

/// Perturbed tables of the same shape. They are not additive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Perturbed {
    /// The tables with noise; without contributors.
    pub tables: Vec<Table>,
    /// What came of it.
    pub report: CellKeyReport,
}

/// Adds to each figure the noise that its cell's key and its count say.
///
/// # Guarantees
/// - The same people have the same noise in every cell, table and release, so repetition averages nothing out.
/// - The noise is at most [`CellKey::maximum`], an empty cell stays empty, no count from 1 to [`CellKey::threshold`] is
///   printed, and over random keys the mean of each count's noise is 0 (below `maximum / 2^32` where a count has two
///   possible figures only).
/// - A printed figure taken by itself leaves open all counts of [`NoiseTable::sources`], which [`CellKey::check`]
///   compares with the policy.
/// - No small figure follows from the totals and the bounds of the noise by use of one total and its parts at a time,
///   repeatedly: else the tables are refused. Where the level is not met in this way, the figure is named in
///   [`CellKeyReport::narrowed`].
/// - Two cells that differ by one person have independent noise: their difference has the variance of both together.
///
/// # Does not protect against
/// Reading several figures together in other ways than the above: noise is bounded, so where many extremes meet, linear
/// programs can narrow further (J. Bailie and C.-H. Chien, "ABS perturbation methodology through the lens of differential
/// privacy", UNECE 2019). Differences: where two cells print different figures their people differ, so that a cell and
/// the same cell without one group show that the group is not empty; a reader who knows all but one person of a cell
/// learns something about that one. Totals are not the sums of their parts, and a numerator may exceed its denominator.
///
/// # Reference
/// B. Fraser and J. Wooton, "A proposed method for confidentialising tabular output to protect against differencing",
/// UNECE 2005; G. Thompson, S. Broadfoot and D. Elazar, "Methodology for the automatic confidentialisation of statistical
/// outputs from remote servers at the Australian Bureau of Statistics", UNECE 2013.
///
/// # Errors
/// Parameters that the policy refuses; malformed tables; keys that are not those of the tables; a figure that the
/// totals give away.
pub fn perturb(
    tables: &[Table],
    keys: &[Keys],
    rule: &CellKey,
    policy: &Policy,
    progress: &mut dyn FnMut(Progress),
) -> Result<Perturbed, DisclosureError> {
    rule.check(policy)?;
    counts_only(tables)?;
    let noise = NoiseTable::new(rule)?;
    let release = system::build(tables)?;
    check_keys(tables, keys, &release)?;
    progress(Progress { phase: Phase::Audit, done: 0, total: 1 });
    let perturbed: Vec<Table> = tables.iter().zip(keys).map(|(table, keys)| apply(table, keys, &noise)).collect();
    let report = report(tables, &perturbed, &release, &noise, policy)?;
    progress(Progress { phase: Phase::Audit, done: 1, total: 1 });
    Ok(Perturbed { tables: perturbed, report })
}

fn apply(table: &Table, keys: &Keys, noise: &NoiseTable) -> Table {
    let cell = |(&count, &key): (&i64, &u64)| count + noise.noise(count, key);
    let measure = |(values, keys): (&Vec<i64>, &Vec<u64>)| values.iter().zip(keys).map(cell).collect();
    Table {
        values: table.values.iter().zip(&keys.0).map(measure).collect(),
        contributors: None,
        contributions: Vec::new(),
        ..table.clone()
    }
}

/// The keys have the tables' shape, and add up over people as the counts do; an empty cell has key 0.
fn check_keys(tables: &[Table], keys: &[Keys], release: &Release) -> Result<(), DisclosureError> {
    let fault = |table: &Table, what: String| Err(DisclosureError::InvalidTable { table: table.name.clone(), what });
    let shape = |(table, keys): (&Table, &Keys)| {
        keys.0.len() == table.values.len() && keys.0.iter().zip(&table.values).all(|(keys, v)| keys.len() == v.len())
    };
    if let Some(wrong) = (0..tables.len()).find(|&at| !keys.get(at).is_some_and(|keys| shape((&tables[at], keys)))) {
        return fault(&tables[wrong], "its keys do not have the shape of its values".to_owned());
    }
    let key = |place: Place| {
        let own = keys[place.table].0[place.measure][place.cell];
        place.of.map_or(own, |of| keys[place.table].0[of][place.cell].wrapping_sub(own))
    };
    let of: Vec<u64> = release.variables().map(|variable| key(variable.place())).collect();
    for (variable, &own) in release.variables().zip(&of) {
        let differs = variable.places().any(|place| key(place) != own);
        if differs || (variable.value == 0 && own != 0) {
            let name = variable.place().name(tables);
            return fault(&tables[variable.place().table], format!("the keys of {name} are not those of its people"));
        }
    }
    for equation in release.equations() {
        if equation.parts().fold(0, |sum: u64, part| sum.wrapping_add(of[part])) != of[equation.total] {
            let place = release.variable(equation.total).place();
            let name = place.name(tables);
            return fault(&tables[place.table], format!("the key of {name} is not the sum of the keys of its parts"));
        }
    }
    Ok(())
}

fn report(
    tables: &[Table],
    perturbed: &[Table],
    release: &Release,
    noise: &NoiseTable,
    policy: &Policy,
) -> Result<CellKeyReport, DisclosureError> {
    let mut report = CellKeyReport::default();
    for (before, after) in tables.iter().zip(perturbed) {
        for (before, after) in before.values.iter().flatten().zip(after.values.iter().flatten()) {
            report.figures += 1;
            report.changed += usize::from(before != after);
            report.distance += (before - after).abs();
        }
    }
    let shown = |place: Place| perturbed[place.table].values[place.measure][place.cell];
    let printed = |figure: usize| release.variable(figure).is_printed();
    let figure = |figure: usize| shown(release.variable(figure).place());
    for equation in release.equations().filter(|e| e.parts().all(printed)) {
        let sum: i64 = equation.parts().map(figure).sum();
        report.unequal_sums += usize::from(sum != figure(equation.total));
    }
    let interval = |at: usize| if printed(at) { noise.sources(figure(at)) } else { (0, i64::MAX / 4) };
    let mut intervals: Vec<(i64, i64)> = (0..release.len()).map(interval).collect();
    bounds::narrow(release, &mut intervals);
    let mut fallen = Vec::new();
    for (variable, (low, high)) in release.variables().zip(intervals) {
        if protects(tables, variable, policy) && !is_open(policy, variable.value, (low, high)) {
            let name = variable.place().name(tables);
            if low == high { fallen.push(name) } else { report.narrowed.push(name) }
        }
    }
    if fallen.is_empty() { Ok(report) } else { Err(DisclosureError::Unprotectable { cells: fallen }) }
}

/// Small figures, and groups of nobody or everybody.
fn protects(tables: &[Table], variable: system::Variable<'_>, policy: &Policy) -> bool {
    let place = variable.place();
    let table = &tables[place.table];
    let counts = table.measures[place.measure].kind == MeasureKind::Count;
    let whole = place.of.or_else(|| table.enclosing(place.measure).first().copied());
    let group = !counts && whole.is_some_and(|of| table.values[of][place.cell] > 0);
    policy.is_small(variable.value) || (policy.homogeneous && variable.value == 0 && group)
}
