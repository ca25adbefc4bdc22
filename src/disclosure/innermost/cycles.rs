//! Changes of a few innermost cells, all by the same amount, that keep every published total.
//!
//! One cell is changed; then, for as long as a published total is off, the cell that mends most is changed the other way:
//! one below the total that the fewest can mend, or one at a crossing of the categories of those changed so far.

use super::ground::{Ground, Pools};
use crate::disclosure::audit::parts::{NONE, mix};

/// Cells below a total that are looked at, and cells that a change is made of, at most.
const WINDOW: usize = 24;
const LONGEST: usize = 12;
/// Crossings that are looked at for one step.
const CROSSINGS: usize = 300;

/// What mending one total more is worth beside a leaf's price; noise among leaves for each way that is tried, and the most.
const STEP: i32 = 16;
const NOISE: u64 = 8;
const LOUDEST: u64 = 8;
/// Of how many leaves the second one of a change is taken.
const RANKS: usize = 3;

/// A leaf that may come next: what it costs, what decides among equals, and whether it gains.
type Found = (i32, u64, u32, bool);

/// Leaves, and whether each gains.
pub(in crate::disclosure) type Cycle = Vec<(u32, bool)>;

/// What a change may use.
#[derive(Clone, Copy)]
pub(in crate::disclosure) struct Rules<'r> {
    /// By total, leaves that can lose, and such as can gain.
    pub(in crate::disclosure) losers: &'r Pools,
    pub(in crate::disclosure) gainers: Option<&'r Pools>,
    /// Whether a leaf can change this way.
    pub(in crate::disclosure) may: &'r dyn Fn(u32, bool) -> bool,
    /// What a leaf is worth beside what it mends: the less the better.
    pub(in crate::disclosure) price: &'r dyn Fn(u32, bool) -> i32,
}

/// Scratch of one thread.
pub(in crate::disclosure) struct Search<'g> {
    ground: &'g Ground,
    /// What each total is off by, in the amount.
    off: Vec<i8>,
    touched: Vec<u32>,
    /// How much all are off.
    sum: i32,
    cycle: Cycle,
    found: Vec<Found>,
    /// Leaves looked at.
    pub(in crate::disclosure) work: u64,
}

impl<'g> Search<'g> {
    pub(in crate::disclosure) fn new(ground: &'g Ground) -> Self {
        let (off, touched) = (vec![0; ground.conditions.len()], Vec::new());
        Search { ground, off, touched, sum: 0, cycle: Vec::new(), found: Vec::new(), work: 0 }
    }

    /// A change that a leaf is part of; each `salt` tries another way.
    pub(in crate::disclosure) fn around(
        &mut self,
        leaf: u32,
        gains: bool,
        rules: &Rules<'_>,
        salt: usize,
    ) -> Option<Cycle> {
        self.clear();
        self.apply(leaf, gains);
        while self.sum > 0 && self.cycle.len() < LONGEST {
            let (next, gains) = self.next(rules, salt)?;
            self.apply(next, gains);
        }
        (self.sum == 0).then(|| self.cycle.clone())
    }

    fn clear(&mut self) {
        self.touched.iter().for_each(|&total| self.off[total as usize] = 0);
        self.touched.clear();
        self.cycle.clear();
        self.sum = 0;
    }

    fn apply(&mut self, leaf: u32, gains: bool) {
        let by = if gains { 1 } else { -1 };
        for &total in self.ground.totals(leaf) {
            let off = &mut self.off[total as usize];
            self.sum -= i32::from(off.abs());
            *off += by;
            self.sum += i32::from(off.abs());
            self.touched.push(total);
        }
        self.cycle.push((leaf, gains));
    }

    /// What a change of a leaf adds to what is off.
    fn cost(&self, leaf: u32, gains: bool) -> i32 {
        let by = if gains { 1 } else { -1 };
        let own = self.ground.totals(leaf).iter().map(|&total| self.off[total as usize]);
        own.map(|off| i32::from((off + by).abs() - off.abs())).sum()
    }

    /// The leaf that mends most; at first one of the next as well.
    fn next(&mut self, rules: &Rules<'_>, salt: usize) -> Option<(u32, bool)> {
        let mut found = std::mem::take(&mut self.found);
        found.clear();
        let pools = [(Some(rules.losers), false), (rules.gainers, true)];
        for (pools, gains) in pools.into_iter().filter_map(|(pools, gains)| Some((pools?, gains))) {
            let is_off = |total: &u32| (self.off[*total as usize] < 0) == gains && self.off[*total as usize] != 0;
            let off = self.touched.iter().copied().filter(is_off);
            if let Some(total) = off.min_by_key(|&total| pools.of(total).len()) {
                for &leaf in window(pools.of(total), self.cycle[0].0) {
                    self.consider(leaf, gains, rules, &mut found);
                }
            }
        }
        if self.cycle.len() > 1 {
            self.cross(rules, &mut found);
        }
        let noise = NOISE * (salt as u64).min(LOUDEST) + 1;
        for (cost, tie, leaf, _) in &mut found {
            *tie = mix(u64::from(*leaf), salt as u64);
            *cost += (*tie % noise) as i32;
        }
        let rank = if self.cycle.len() == 1 { salt % RANKS } else { 0 };
        let next = if rank == 0 {
            found.iter().min().copied()
        } else {
            found.sort_unstable();
            found.dedup();
            found.get(rank).copied()
        };
        self.found = found;
        next.map(|(.., leaf, gains)| (leaf, gains))
    }

    fn consider(&mut self, leaf: u32, gains: bool, rules: &Rules<'_>, found: &mut Vec<Found>) {
        self.work += 1;
        if self.cycle.iter().all(|&(used, _)| used != leaf) && (rules.may)(leaf, gains) {
            found.push((STEP * self.cost(leaf, gains) + (rules.price)(leaf, gains), 0, leaf, gains));
        }
    }

    /// Looks at the crossings of the categories of what has been changed.
    fn cross(&mut self, rules: &Rules<'_>, found: &mut Vec<Found>) {
        let mut cells = vec![0_usize];
        for axis in &self.ground.axes {
            let own = self.cycle.iter().map(|&(leaf, _)| axis.node(self.ground.leaves[leaf as usize] as usize));
            let mut nodes: Vec<usize> = own.collect();
            nodes.sort_unstable();
            nodes.dedup();
            let more = cells.iter().flat_map(|cell| nodes.iter().map(move |node| cell + node * axis.stride));
            cells = more.take(CROSSINGS).collect();
        }
        for cell in cells {
            let leaf = self.ground.number(cell);
            let off = if leaf == NONE { 0 } else { self.leaning(leaf) };
            if off != 0 {
                self.consider(leaf, off < 0, rules, found);
            }
        }
    }

    /// What the totals of a leaf are off by, together.
    fn leaning(&self, leaf: u32) -> i32 {
        self.ground.totals(leaf).iter().map(|&total| i32::from(self.off[total as usize])).sum()
    }
}

/// The leaves of a list that are next to one.
fn window(leaves: &[u32], around: u32) -> &[u32] {
    let at = leaves.partition_point(|&leaf| leaf < around);
    let first = at.saturating_sub(WINDOW).min(leaves.len().saturating_sub(2 * WINDOW));
    &leaves[first..(first + 2 * WINDOW).min(leaves.len())]
}
