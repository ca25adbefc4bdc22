//! Moves hidden cells of one large table as far as they must be seen to go, one after the other.
//!
//! Each change is found from the same whole table: in one go, people who stand together come from elsewhere all at once; or
//! in several, a few from here and a few from there. Where the way that mends most leads nowhere, others nearly as good are
//! tried at random (T. A. Feo and M. G. C. Resende, "Greedy randomized adaptive search procedures", Journal of Global
//! Optimization 6 (1995)).

use super::cycles::{Rules, Search};
use super::ground::{Ground, Pools};
use super::threads;
use crate::disclosure::audit::parts::NONE;

/// A change of innermost cells: numbers, sorted, and by how much each changes.
pub(in crate::disclosure) type Change = Vec<(u32, i64)>;

/// What is to be seen of cells.
pub(in crate::disclosure) trait Goals: Sync {
    /// Cells that may have to be moved.
    fn wanted(&self) -> Vec<u32>;
    /// A change of the table at hand that makes a cell's range wide enough; `None` where none is needed, or possible.
    fn need(&self, cell: usize, up: bool) -> Option<i64>;
    /// Takes in a change of innermost cells and of all that they are part of.
    fn learn(&mut self, ground: &Ground, change: &[(u32, i64)]);

    /// Such changes, up before down.
    fn needs(&self, cell: usize) -> Vec<i64> {
        [true, false].into_iter().filter_map(|up| self.need(cell, up)).collect()
    }
}

/// How hard a pass tries: the goes that a change may take, and the ways that are tried.
const PASSES: [(usize, usize); 2] = [(1, 3), (GOES, 4)];
const GOES: usize = 12;
/// Ways that are tried for one go of several.
const TRIES: usize = 3;
/// Innermost cells of a total that are looked at, and tried.
const LOOKED_AT: u64 = 40;
const PLACES: usize = 4;
/// Cells that are looked at by both threads before what they found is taken in.
const BATCH: usize = 4096;
/// Leaves looked at in all, for each leaf of the table, after which nothing more is tried.
const WORK: u64 = 4000;

/// A whole table, and who can come from where.
struct Ways<'g> {
    ground: &'g Ground,
    /// As many as have to come together.
    enough: i64,
    /// By total: leaves with as many, leaves with anybody, all leaves.
    rich: Pools,
    any: Pools,
    all: Pools,
    /// Leaves that are still to be seen higher.
    unmet: Vec<bool>,
}

/// What a thread works with.
struct Worker<'g> {
    search: Search<'g>,
    /// What leaves have above their least value.
    values: Vec<i64>,
}

/// A cell, by how much it is to change, and how.
#[derive(Clone, Copy)]
struct Task {
    cell: u32,
    by: i64,
    goes: usize,
    tries: usize,
}

/// Changes that between them move what can be moved; `values` is what leaves have above their least value.
pub(in crate::disclosure) fn raise<'g>(
    ground: &'g Ground,
    values: Vec<i64>,
    enough: i64,
    seen: &mut dyn Goals,
    step: &mut dyn FnMut(usize, usize),
) -> Vec<Change> {
    let mut ways = Ways {
        ground,
        enough,
        rich: ground.pools(&|leaf| values[leaf as usize] >= enough),
        any: ground.pools(&|leaf| values[leaf as usize] > 0),
        all: ground.pools(&|_| true),
        unmet: ground.leaves.iter().map(|&cell| seen.need(cell as usize, true).is_some()).collect(),
    };
    let mut workers = [values.clone(), values].map(|values| Worker { search: Search::new(ground), values });
    let mut changes = Vec::new();
    // What no total limits rises at once.
    let free = (0..ground.leaves.len() as u32).filter(|&leaf| ground.totals(leaf).is_empty());
    let free: Change = free.map(|leaf| (leaf, enough)).collect();
    if !free.is_empty() {
        ways.keep(free, seen, &mut changes);
    }
    // Innermost cells first: with them rise most of the totals that they are part of.
    let (inner, outer): (Vec<u32>, Vec<u32>) =
        seen.wanted().into_iter().partition(|&cell| ground.number(cell as usize) != NONE);
    let limit = WORK * ground.leaves.len() as u64;
    let total = PASSES.len() * (inner.len() + outer.len());
    let mut done = 0;
    for (goes, tries) in PASSES {
        for cells in [&inner, &outer] {
            for batch in cells.chunks(BATCH) {
                step(done, total);
                done += batch.len();
                if workers.iter().map(|worker| worker.search.work).sum::<u64>() > limit {
                    return changes;
                }
                let look = |worker: &mut Worker<'g>, cell: u32| {
                    let mut needs = seen.needs(cell as usize).into_iter().map(|by| Task { cell, by, goes, tries });
                    needs.find_map(|task| ways.change(worker, task))
                };
                for (cell, change) in threads::both(&mut workers, batch, &look) {
                    if !seen.needs(cell as usize).is_empty() {
                        ways.keep(change, seen, &mut changes);
                    }
                }
            }
        }
    }
    changes
}

impl<'g> Ways<'g> {
    fn keep(&mut self, change: Change, seen: &mut dyn Goals, changes: &mut Vec<Change>) {
        seen.learn(self.ground, &change);
        for &(leaf, _) in &change {
            self.unmet[leaf as usize] = seen.need(self.ground.leaves[leaf as usize] as usize, true).is_some();
        }
        changes.push(change);
    }

    /// A change that moves a cell as far as asked.
    fn change(&self, worker: &mut Worker<'g>, task: Task) -> Option<Change> {
        let own = self.ground.number(task.cell as usize);
        let mut leaves = if own == NONE { self.ground.some_below(task.cell, LOOKED_AT) } else { vec![own] };
        if task.by < 0 {
            // From where there are most.
            leaves.sort_by_key(|&leaf| std::cmp::Reverse(worker.values[leaf as usize]));
        }
        leaves.truncate(PLACES);
        leaves.into_iter().find_map(|leaf| {
            (0..task.tries).find_map(|salt| match task.goes {
                1 => self.at_once(worker, leaf, task, salt),
                _ => self.in_goes(worker, leaf, task, salt),
            })
        })
    }

    /// Whether a leaf can change beside the one that a task starts with: nobody moves within the cell.
    fn is_outside(&self, task: Task, leaf: u32) -> bool {
        !self.ground.is_below(leaf, task.cell)
    }

    fn at_once(&self, worker: &mut Worker<'g>, leaf: u32, task: Task, salt: usize) -> Option<Change> {
        let up = task.by > 0;
        let amount = if up { task.by.max(self.enough) } else { -task.by };
        let values = &worker.values;
        let may = |leaf: u32, gains: bool| {
            (gains || values[leaf as usize] >= amount) && (gains == up || self.is_outside(task, leaf))
        };
        let price = |leaf: u32, gains: bool| if gains && self.unmet[leaf as usize] { -4 } else { 0 };
        let gainers = (salt > 0).then_some(&self.all);
        let rules = Rules { losers: &self.rich, gainers, may: &may, price: &price };
        if !up && values[leaf as usize] < amount {
            return None;
        }
        let cycle = worker.search.around(leaf, up, &rules, salt)?;
        let by = |gains: bool| if gains { amount } else { -amount };
        let mut change: Change = cycle.into_iter().map(|(leaf, gains)| (leaf, by(gains))).collect();
        change.sort_unstable();
        Some(change)
    }

    /// Several goes, each from where the one before has left the table.
    fn in_goes(&self, worker: &mut Worker<'g>, leaf: u32, task: Task, salt: usize) -> Option<Change> {
        let up = task.by > 0;
        let mut change: Change = Vec::new();
        let mut left = task.by.abs();
        for go in 0..task.goes {
            let values = &worker.values;
            if !up && values[leaf as usize] == 0 {
                break;
            }
            let may = |leaf: u32, gains: bool| {
                (gains || values[leaf as usize] > 0) && (gains == up || self.is_outside(task, leaf))
            };
            // Who can give most comes first.
            let price =
                |leaf: u32, gains: bool| if gains { 0 } else { (self.enough - values[leaf as usize].min(left)) as i32 };
            let rules = Rules { losers: &self.any, gainers: Some(&self.all), may: &may, price: &price };
            let search = &mut worker.search;
            let cycle = (0..TRIES).find_map(|more| search.around(leaf, up, &rules, 16 * salt + go + more));
            let Some(cycle) = cycle else { break };
            let losers = cycle.iter().filter(|&&(_, gains)| !gains).map(|&(leaf, _)| values[leaf as usize]);
            let amount = losers.min().unwrap_or(left).min(left);
            for (leaf, gains) in cycle {
                let by = if gains { amount } else { -amount };
                worker.values[leaf as usize] += by;
                change.push((leaf, by));
            }
            left -= amount;
            if left == 0 {
                break;
            }
        }
        change.iter().for_each(|&(leaf, by)| worker.values[leaf as usize] -= by);
        change.sort_unstable_by_key(|&(leaf, _)| leaf);
        change.dedup_by(|next, kept| {
            let same = next.0 == kept.0;
            kept.1 += if same { next.1 } else { 0 };
            same
        });
        change.retain(|&(_, by)| by != 0);
        (left == 0).then_some(change)
    }
}
