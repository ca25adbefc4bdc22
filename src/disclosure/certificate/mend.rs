//! Mends a whole table in which a few published totals are off, by a linear program for each.
//!
//! What a total lacks is an unknown of its own. The program takes it to nothing and may take the others nearer to nothing, but
//! none further away: as there is a table that fits, it always has an answer in fractions. One that can be made whole brings
//! the table nearer to fitting; where it can't, other prices are tried.

use std::collections::BTreeMap;

use crate::disclosure::audit::parts::mix;
use crate::disclosure::dual::{Dual, Outcome, Terms};
use crate::disclosure::innermost::Ground;

/// How often all totals that are off are looked at, each time at other prices.
const ROUNDS: u64 = 8;
/// Steps for each program.
const STEPS: usize = 6000;
/// What it costs to change a cell by 1, and how far equal ones are apart, as a share of that.
const PRICE: f64 = 0.01;
const JITTER: f64 = 0.5;
/// What it costs that another total lacks more: nothing else costs as much.
const OFF: f64 = 1e6;

/// Changes leaves until no total lacks anything, if it can: `values` is what leaves have above their least value, `lack` what
/// each total lacks, both kept up to date.
pub(super) fn mend(ground: &Ground, values: &mut [i64], lack: &mut [i64]) {
    let off: Vec<usize> = (0..lack.len()).filter(|&total| lack[total] != 0).collect();
    if off.is_empty() {
        return;
    }
    let signs: Vec<i64> = off.iter().map(|&total| lack[total].signum()).collect();
    let leaves = values.len();
    let mut rows: Vec<Vec<(usize, i64)>> = vec![Vec::new(); lack.len()];
    for leaf in 0..leaves {
        ground.totals(leaf as u32).iter().for_each(|&total| rows[total as usize].push((leaf, 1)));
    }
    // What a total lacks stands in two rows, since an unknown that stands in one makes up for others at no price.
    for (at, (&total, &sign)) in off.iter().zip(&signs).enumerate() {
        let (own, other) = (leaves + at, leaves + off.len() + at);
        rows[total].push((own, sign));
        rows.push(vec![(own, 1), (other, -1)]);
    }
    let mut dual = Dual::over(leaves + 2 * off.len(), &rows);
    drop(rows);
    for round in 0..ROUNDS {
        for at in 0..off.len() {
            let by = lack[off[at]].abs();
            if by == 0 {
                continue;
            }
            let unit = by as f64;
            let terms = |unknown: usize| match unknown.checked_sub(leaves) {
                None => {
                    let room = values[unknown] as f64 / unit;
                    let price =
                        PRICE * (1.0 + JITTER * (mix(unknown as u64, round) >> 40) as f64 / (1_u64 << 24) as f64);
                    Some(Terms { up: price, down: price, room })
                }
                Some(own) => {
                    let room = lack[off[own % off.len()]].abs() as f64 / unit;
                    let up = if own < off.len() { OFF } else { 0.0 };
                    Some(Terms { up, down: 0.0, room })
                }
            };
            let Outcome::Found(changes) = dual.solve((leaves + at, -1.0), unit, STEPS, &terms) else { continue };
            let mut sums: BTreeMap<usize, f64> = BTreeMap::new();
            for (unknown, by) in changes.into_iter().filter(|&(unknown, _)| unknown < leaves) {
                *sums.entry(unknown).or_default() += by * unit;
            }
            let whole = sums.into_iter().map(|(leaf, by)| (leaf, by.round() as i64));
            let change: Vec<(usize, i64)> = whole.filter(|&(_, by)| by != 0).collect();
            take(ground, &change, values, lack);
        }
        if lack.iter().all(|&lack| lack == 0) {
            return;
        }
    }
}

/// Takes in a change if it leaves nothing below its least value, no total further off, and one nearer.
fn take(ground: &Ground, change: &[(usize, i64)], values: &mut [i64], lack: &mut [i64]) {
    let mut sums: BTreeMap<usize, i64> = BTreeMap::new();
    for &(leaf, by) in change {
        ground.totals(leaf as u32).iter().for_each(|&total| *sums.entry(total as usize).or_default() += by);
    }
    let after = |&(&total, &by): &(&usize, &i64)| (lack[total] - by).abs() - lack[total].abs();
    let nearer: i64 = sums.iter().map(|entry| after(&entry)).sum();
    if nearer >= 0 || change.iter().any(|&(leaf, by)| values[leaf] + by < 0) {
        return;
    }
    change.iter().for_each(|&(leaf, by)| values[leaf] += by);
    sums.into_iter().for_each(|(total, by)| lack[total] -= by);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disclosure::public::PublicTable;
    use crate::disclosure::table::{Dimension, Measure, MeasureKind, Node};

    /// From nobody at all to a table that has the published totals.
    #[test]
    fn a_table_that_lacks_everybody_is_mended() {
        let flat = |name: &str, count: usize| Dimension {
            name: name.to_owned(),
            nodes: (0..=count).map(|at| Node { id: at.to_string(), parent: (at > 0).then_some(0) }).collect(),
        };
        let counts = |row: usize, column: usize| ((row * 7 + column * 5) % 9 * (row + column)) as i64;
        let sum = |rows: std::ops::Range<usize>, columns: std::ops::Range<usize>| -> i64 {
            rows.flat_map(|row| columns.clone().map(move |column| counts(row, column))).sum()
        };
        let range = |node: usize, count: usize| if node == 0 { 1..count + 1 } else { node..node + 1 };
        let (rows, columns) = (6, 5);
        let total = |cell: usize| {
            let (row, column) = (cell / (columns + 1), cell % (columns + 1));
            (row * column == 0).then(|| sum(range(row, rows), range(column, columns)))
        };
        let table = PublicTable {
            name: "t".to_owned(),
            universe: "u".to_owned(),
            dimensions: vec![flat("row", rows), flat("column", columns)],
            measures: vec![Measure { name: "n".to_owned(), kind: MeasureKind::Count }],
            values: vec![(0..(rows + 1) * (columns + 1)).map(total).collect()],
            rates: Vec::new(),
            edition: None,
            minimums: None,
        };
        let ground = Ground::new(&table, &|_| true);
        let mut values = vec![0; ground.leaves.len()];
        let mut lack: Vec<i64> =
            ground.conditions.iter().map(|&total| table.values[0][total as usize].unwrap_or(0)).collect();
        mend(&ground, &mut values, &mut lack);
        assert!(lack.iter().all(|&lack| lack == 0) && values.iter().all(|&value| value >= 0));
        let whole = ground.whole(&table, &values, &|_| 0);
        assert!(table.values[0].iter().zip(&whole).all(|(total, value)| total.is_none_or(|total| total == *value)));
    }
}
