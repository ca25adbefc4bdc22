//! A whole table that fits the published figures of one large table, found among its innermost cells.
//!
//! Totals that are hidden follow from what is below them; only published ones are conditions, which are few where much is
//! hidden. First an estimate: the innermost hidden cells are scaled to the published totals, those of one depth in each
//! dimension after the other (iterative proportional fitting, W. E. Deming and F. F. Stephan, Annals of Mathematical
//! Statistics 11 (1940)). Then it is rounded, and people are moved at random until every published total is met: a step
//! takes a total that lacks somebody and changes the cell below it that leaves the least lacking, weighted; weights grow
//! where nothing helps (P. Morris, "The breakout method for escaping from local minima", AAAI 1993). What is still off then
//! is mended by linear programs.

use super::mend::mend;
use crate::disclosure::audit::parts::{NONE, mix};
use crate::disclosure::innermost::{Axis, Ground, Pools};
use crate::disclosure::public::PublicTable;

/// Sweeps of proportional fitting.
const SWEEPS: usize = 200;
/// What published totals may lack when fitting ends: rounding adds as much.
const CLOSE: f64 = 0.5;
/// Cells below a total that are tried in a step, and how many are looked at for them.
const BREADTH: usize = 40;
const TRIES: u64 = 160;
/// Of them, how many with a partner that changes the other way, and how many partners.
const PARTNERED: usize = 10;
const PARTNERS: u64 = 10;
/// Steps for each published total, and for a small table.
const STEPS: u64 = 20;
const LEAST_STEPS: u64 = 200_000;
/// Steps for which a cell rests at least, and by how many more it may.
const REST: (u64, u64) = (4, 12);
/// A weight grows in one step of so many where nothing helps, and no further than this.
const SLOW: u64 = 4;
const HEAVIEST: u16 = 2000;
/// The search's state.
struct Leaves<'g> {
    ground: &'g Ground,
    /// All leaves of each total.
    pools: Pools,
    /// What leaves have above their least value, and what totals lack.
    values: Vec<i64>,
    lack: Vec<i64>,
    weights: Vec<u16>,
    /// The step until which a leaf rests.
    rests: Vec<u32>,
    lacking: Vec<u32>,
    position: Vec<u32>,
}

/// A change of one leaf or two.
struct Step {
    cost: i64,
    tie: u64,
    changes: [(u32, i64); 2],
}

/// A value for each cell, if they were found; `fixed` gives the least value of a hidden innermost cell.
pub(super) fn fit(ground: &Ground, table: &PublicTable, fixed: &dyn Fn(usize) -> i64) -> Option<Vec<i64>> {
    let published = &table.values[0];
    let least = |cell: usize| published[cell].unwrap_or_else(|| fixed(cell));
    // What published totals leave for what lies above the least value.
    let settled = ground.added_up(&least);
    let lack = |&total: &u32| published[total as usize].unwrap_or(0) - settled[total as usize];
    let mut leaves = Leaves {
        ground,
        pools: ground.pools(&|_| true),
        values: vec![0; ground.leaves.len()],
        lack: ground.conditions.iter().map(lack).collect(),
        weights: vec![1; ground.conditions.len()],
        rests: vec![0; ground.leaves.len()],
        lacking: Vec::new(),
        position: vec![NONE; ground.conditions.len()],
    };
    drop(settled);
    leaves.estimate();
    leaves.walk();
    mend(ground, &mut leaves.values, &mut leaves.lack);
    if leaves.lack.iter().any(|&lack| lack != 0) {
        return None;
    }
    let whole = ground.whole(table, &leaves.values, fixed);
    let agrees = |(cell, published): (usize, &Option<i64>)| published.is_none_or(|value| value == whole[cell]);
    published.iter().enumerate().all(agrees).then_some(whole)
}

impl Leaves<'_> {
    /// Sets the leaves near an estimate that meets the published totals.
    fn estimate(&mut self) {
        let mut above = vec![1.0_f32; self.values.len()];
        for _ in 0..SWEEPS {
            let mut widest = 0.0_f64;
            for (total, &lack) in self.lack.iter().enumerate() {
                let members = self.pools.of(total as u32);
                let sum: f64 = members.iter().map(|&leaf| f64::from(above[leaf as usize])).sum();
                widest = widest.max((lack as f64 - sum).abs());
                let factor = lack as f64 / sum;
                for &leaf in members {
                    let above = &mut above[leaf as usize];
                    *above = ((f64::from(*above) * factor) as f32).clamp(1e-20, 1e12);
                }
            }
            if widest < CLOSE {
                break;
            }
        }
        let mut carried = 0.0_f64;
        for (leaf, &above) in above.iter().enumerate() {
            // What no total limits is left empty.
            if self.ground.totals(leaf as u32).is_empty() {
                continue;
            }
            let wanted = f64::from(above) + carried;
            let whole = wanted.round().max(0.0);
            carried = (wanted - whole).clamp(-1.0, 1.0);
            self.values[leaf] = whole as i64;
        }
        for total in 0..self.lack.len() {
            let members = self.pools.of(total as u32).iter();
            let sum: i64 = members.map(|&leaf| self.values[leaf as usize]).sum();
            let lack = std::mem::take(&mut self.lack[total]) - sum;
            self.set(total, lack);
        }
    }

    /// Sets what a published total lacks.
    fn set(&mut self, total: usize, lack: i64) {
        let before = std::mem::replace(&mut self.lack[total], lack);
        match (before == 0, lack == 0) {
            (true, false) => {
                self.position[total] = self.lacking.len() as u32;
                self.lacking.push(total as u32);
            }
            (false, true) => {
                let at = self.position[total] as usize;
                self.lacking.swap_remove(at);
                if let Some(&moved) = self.lacking.get(at) {
                    self.position[moved as usize] = at as u32;
                }
            }
            _ => {}
        }
    }

    fn walk(&mut self) {
        let steps = (STEPS * self.lack.len() as u64).max(LEAST_STEPS);
        for step in 1..=steps.min(u64::from(u32::MAX - 100)) {
            if self.lacking.is_empty() {
                return;
            }
            let total = self.lacking[(mix(step, 1) % self.lacking.len() as u64) as usize];
            self.step(total, step);
        }
    }

    fn step(&mut self, total: u32, step: u64) {
        let lack = self.lack[total as usize];
        let members = self.pools.of(total);
        let count = members.len() as u64;
        let start = mix(step, 2) % count;
        let mut best: Option<Step> = None;
        let mut tried = 0;
        for attempt in 0..count.min(TRIES) {
            // All in turn where they are few, else at random.
            let number = if count <= TRIES { (start + attempt) % count } else { mix(step, 16 + attempt) % count };
            let leaf = members[number as usize];
            let whole = lack.max(-self.values[leaf as usize]);
            if whole == 0 || !self.is_free(leaf, step) {
                continue;
            }
            for by in [whole, whole.signum()] {
                consider(&mut best, step, self.cost(leaf, NONE, by), [(leaf, by), (leaf, 0)]);
                if by == whole.signum() {
                    break;
                }
            }
            if tried < PARTNERED {
                // Somebody comes from, or goes to, a cell outside the total: what both are part of stays.
                for partner in 0..PARTNERS {
                    let other = self.partner(leaf, total, mix(step, 1000 + attempt * PARTNERS + partner));
                    let by = whole.signum();
                    let Some(other) = other.filter(|&other| self.is_free(other, step)) else { continue };
                    if self.values[other as usize] - by < 0 {
                        continue;
                    }
                    let cost = self.cost(leaf, other, by) + self.cost(other, leaf, -by);
                    consider(&mut best, step, cost, [(leaf, by), (other, -by)]);
                }
            }
            tried += 1;
            if tried == BREADTH {
                break;
            }
        }
        let Some(best) = best else { return };
        if best.cost >= 0 && mix(step, 7).is_multiple_of(SLOW) {
            let weight = &mut self.weights[total as usize];
            *weight = (*weight + 1).min(HEAVIEST);
        }
        for (number, (leaf, by)) in best.changes.into_iter().enumerate().filter(|&(_, (_, by))| by != 0) {
            self.rests[leaf as usize] = (step + REST.0 + mix(step, 3 + number as u64) % REST.1) as u32;
            self.values[leaf as usize] += by;
            for &total in self.ground.totals(leaf) {
                self.set(total as usize, self.lack[total as usize] - by);
            }
        }
    }

    fn is_free(&self, leaf: u32, step: u64) -> bool {
        u64::from(self.rests[leaf as usize]) <= step
    }

    /// A leaf that differs in one dimension and is no part of a total, near by in most cases.
    fn partner(&self, leaf: u32, total: u32, random: u64) -> Option<u32> {
        let (axes, cell) = (&self.ground.axes, self.ground.leaves[leaf as usize] as usize);
        let total = self.ground.conditions[total as usize] as usize;
        let range = |axis: &Axis| axis.below[axis.node(total)];
        let narrow = |axis: &&Axis| range(axis).1 - range(axis).0 < axis.leaves.len() as u32;
        let choices = axes.iter().filter(narrow).count();
        let axis = axes.iter().filter(narrow).nth((random % choices.max(1) as u64) as usize)?;
        let (from, to) = range(axis);
        let own = axis.node(cell);
        // Below the first node above that holds more than the range; one time in four below a higher one.
        let mut higher = random >> 32 & 3 == 0;
        for at in axis.above(own) {
            let (first, end) = axis.below[at];
            if end - first > to - from {
                if !higher || axis.parent[at] == NONE {
                    let leaf = axis.leaves[(u64::from(first) + (random >> 8) % u64::from(end - first)) as usize];
                    let inside = axis.leaves[from as usize..to as usize].contains(&leaf);
                    let other = self.ground.number(cell - own * axis.stride + leaf as usize * axis.stride);
                    return (!inside && other != NONE).then_some(other);
                }
                higher = false;
            }
        }
        None
    }

    /// What a change adds to what totals lack, weighted; the totals of another leaf stay as they are.
    fn cost(&self, leaf: u32, without: u32, by: i64) -> i64 {
        let without = if without == NONE { &[] } else { self.ground.totals(without) };
        let own = self.ground.totals(leaf).iter().filter(|total| !without.contains(total));
        own.map(|&total| {
            let before = self.lack[total as usize];
            i64::from(self.weights[total as usize]) * ((before - by).abs() - before.abs())
        })
        .sum()
    }
}

fn consider(best: &mut Option<Step>, step: u64, cost: i64, changes: [(u32, i64); 2]) {
    let tie = mix(u64::from(changes[0].0) + u64::from(changes[1].0), step);
    if best.as_ref().is_none_or(|best| (cost, tie) < (best.cost, best.tie)) {
        *best = Some(Step { cost, tie, changes });
    }
}
