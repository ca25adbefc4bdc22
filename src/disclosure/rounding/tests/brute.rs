//! All tables that a rounded one could stand for.

use std::collections::BTreeSet;

use crate::disclosure::MeasureKind;
use crate::disclosure::samples::{leaf_cells, sums};
use crate::disclosure::table::Table;

/// Says whether the values of several tables, by table, measure and cell, agree where the tables share figures.
pub(super) type Agree<'a> = &'a dyn Fn(&[Vec<Vec<i64>>]) -> bool;

/// By table, measure and cell: every value that the cell has in some set of true tables whose figures, complements
/// included, are at less than `base` from the rounded ones and whose shared cells agree. Tries every count of every
/// innermost cell, so for a handful of cells only.
pub(super) fn sources(rounded: &[Table], base: i64, agree: Agree<'_>) -> Vec<Vec<Vec<BTreeSet<i64>>>> {
    let mut seen: Vec<Vec<Vec<BTreeSet<i64>>>> =
        rounded.iter().map(|table| table.values.iter().map(|v| vec![BTreeSet::new(); v.len()]).collect()).collect();
    let options: Vec<Vec<Vec<Vec<i64>>>> = rounded.iter().map(|table| near(table, base)).collect();
    let mut chosen = vec![0; rounded.len()];
    loop {
        let tables: Vec<Vec<Vec<i64>>> = chosen.iter().zip(&options).map(|(&at, all)| all[at].clone()).collect();
        if agree(&tables) {
            for (seen, values) in seen.iter_mut().flatten().flatten().zip(tables.iter().flatten().flatten()) {
                seen.insert(*values);
            }
        }
        let Some(next) = (0..chosen.len()).find(|&at| chosen[at] + 1 < options[at].len()) else { return seen };
        chosen[next] += 1;
        chosen[..next].fill(0);
    }
}

/// The values, by measure and cell, of every true table near a rounded one.
pub(super) fn near(rounded: &Table, base: i64) -> Vec<Vec<Vec<i64>>> {
    let cells = leaf_cells(rounded);
    let axes: Vec<Vec<i64>> = rounded
        .values
        .iter()
        .flat_map(|values| cells.iter().map(|&cell| ((values[cell] - base + 1).max(0)..values[cell] + base).collect()))
        .collect();
    let mut all = Vec::new();
    let mut at = vec![0; axes.len()];
    loop {
        let leaves: Vec<i64> = at.iter().zip(&axes).map(|(&at, axis): (&usize, &Vec<i64>)| axis[at]).collect();
        let values: Vec<Vec<i64>> = leaves.chunks(cells.len()).map(|leaves| sums(rounded, &cells, leaves)).collect();
        if is_near(rounded, &values, base) {
            all.push(values);
        }
        let Some(next) = (0..at.len()).find(|&axis| at[axis] + 1 < axes[axis].len()) else { return all };
        at[next] += 1;
        at[..next].fill(0);
    }
}

/// Every figure and every complement at less than the base.
pub(super) fn is_near(rounded: &Table, values: &[Vec<i64>], base: i64) -> bool {
    (0..values.len()).all(|measure| {
        (0..values[measure].len()).all(|cell| {
            let own = (rounded.values[measure][cell] - values[measure][cell]).abs() < base;
            let whole = match rounded.measures[measure].kind {
                MeasureKind::CountWhere { of } => {
                    let complement = values[of][cell] - values[measure][cell];
                    let shown = rounded.values[of][cell] - rounded.values[measure][cell];
                    complement >= 0 && (shown - complement).abs() < base
                }
                _ => true,
            };
            own && whole
        })
    })
}
