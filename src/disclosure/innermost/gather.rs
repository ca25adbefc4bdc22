//! Brings the people of a whole table together.
//!
//! A cell can only be shown to reach the minimum cell if as many people can come from elsewhere. Where they are spread, one
//! here and one there, each takes other cells to move; where enough of them stand together, one change of a few cells moves
//! them all. So people are moved along cycles among cells that are not empty, until one is empty or has enough, as long as
//! that leaves fewer between. Cells keep no more than enough where others can have it: the more there are that people can
//! come from, the better.

use super::cycles::{Cycle, Rules, Search};
use super::ground::Ground;
use crate::disclosure::audit::parts::NONE;

/// Passes over all cells, and ways tried for each.
const PASSES: usize = 3;
const TRIES: usize = 3;

/// Moves the people of a table together: `values` is what leaves have above their least value, `enough` as many as have to
/// stand together.
pub(in crate::disclosure) fn gather(ground: &Ground, values: &mut [i64], enough: i64) {
    merge(ground, values, enough);
    let mut search = Search::new(ground);
    for pass in 0..PASSES {
        let any = ground.pools(&|leaf| values[leaf as usize] > 0);
        let mut pushed = 0;
        for leaf in 0..values.len() as u32 {
            let mut tries = 0;
            while (1..enough).contains(&values[leaf as usize]) && tries < TRIES {
                let cycle = {
                    let may = |leaf: u32, _: bool| values[leaf as usize] > 0;
                    let price = |leaf: u32, gains: bool| i32::from((values[leaf as usize] >= enough) != gains);
                    let rules = Rules { losers: &any, gainers: Some(&any), may: &may, price: &price };
                    search.around(leaf, false, &rules, tries + pass)
                };
                if cycle.is_some_and(|cycle| push(values, &cycle, enough)) {
                    pushed += 1;
                } else {
                    tries += 1;
                }
            }
        }
        if pushed == 0 {
            break;
        }
    }
}

/// Leaves of the same totals can stand for each other: of those that lack people one after the other gets enough.
fn merge(ground: &Ground, values: &mut [i64], enough: i64) {
    let alike = ground.alike();
    let mut open: Vec<u32> = vec![NONE; values.len()];
    for leaf in 0..values.len() {
        if !(1..enough).contains(&values[leaf]) {
            continue;
        }
        let to = &mut open[alike[leaf] as usize];
        if *to == NONE {
            *to = leaf as u32;
            continue;
        }
        let people = std::mem::take(&mut values[leaf]);
        values[*to as usize] += people;
        if values[*to as usize] >= enough {
            *to = NONE;
        }
    }
}

/// Pushes a cycle, the way that brings more together, until a cell is empty or has just enough; says whether it did.
fn push(values: &mut [i64], cycle: &Cycle, enough: i64) -> bool {
    let spare = |value: i64| if value > enough { value - enough } else { value };
    let far = |side: bool| {
        let losers = cycle.iter().filter(|&&(_, gains)| gains != side);
        losers.map(|&(leaf, _)| spare(values[leaf as usize])).min().unwrap_or(0)
    };
    let worth = |value: i64| value.min(enough).pow(2);
    let growth = |side: bool| {
        let by = far(side);
        let own = cycle.iter().map(|&(leaf, gains)| {
            let value = values[leaf as usize];
            worth(if gains == side { value + by } else { value - by }) - worth(value)
        });
        own.sum::<i64>()
    };
    let side = growth(true) >= growth(false);
    let grows = growth(side) > 0;
    if grows {
        let by = far(side);
        for &(leaf, gains) in cycle {
            values[leaf as usize] += if gains == side { by } else { -by };
        }
    }
    grows
}
