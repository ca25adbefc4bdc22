//! A whole table that fits the published figures of one large table, found among its innermost cells.
//!
//! Totals that are hidden follow from what is below them; only published ones are conditions, which are few where much is
//! hidden. First an estimate: the innermost hidden cells are scaled to the published totals, those of one depth in each
//! dimension after the other (iterative proportional fitting, W. E. Deming and F. F. Stephan, Annals of Mathematical
//! Statistics 11 (1940)). Then it is rounded, and people are moved at random until every published total is met: a step
//! takes a total that lacks somebody and changes the cell below it that leaves the least lacking, weighted; weights grow
//! where nothing helps (P. Morris, "The breakout method for escaping from local minima", AAAI 1993).

use crate::disclosure::policy::Zeros;
use crate::disclosure::public::PublicTable;
use crate::disclosure::table::Dimension;

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
const STEPS: u64 = 300;
const LEAST_STEPS: u64 = 200_000;
/// Steps for which a cell rests at least, and by how many more it may.
const REST: (u64, u64) = (4, 12);
/// A weight grows in one step of so many where nothing helps, and no further than this.
const SLOW: u64 = 4;
const HEAVIEST: u16 = 2000;
/// No node, no place in a list.
const NONE: u32 = u32::MAX;

/// A dimension of the table.
struct Axis {
    stride: usize,
    parent: Vec<u32>,
    depth: Vec<u32>,
    /// Innermost nodes, those below one node next to each other; and their range by node.
    leaves: Vec<u32>,
    below: Vec<(u32, u32)>,
}

impl Axis {
    fn new(dimension: &Dimension, stride: usize) -> Self {
        let parent: Vec<u32> = dimension.nodes.iter().map(|node| node.parent.map_or(NONE, |at| at as u32)).collect();
        let children = dimension.children();
        let up =
            |node: u32| std::iter::successors(Some(node), |&at| Some(parent[at as usize]).filter(|&at| at != NONE));
        let depth = (0..parent.len() as u32).map(|node| up(node).count() as u32 - 1).collect();
        let (mut leaves, mut below) = (Vec::new(), vec![(0, 0); parent.len()]);
        let roots = (0..parent.len()).rev().filter(|&node| parent[node] == NONE);
        let mut stack: Vec<(usize, bool)> = roots.map(|root| (root, false)).collect();
        while let Some((node, done)) = stack.pop() {
            if done {
                below[node].1 = leaves.len() as u32;
                continue;
            }
            below[node].0 = leaves.len() as u32;
            if children[node].is_empty() {
                leaves.push(node as u32);
            }
            stack.push((node, true));
            stack.extend(children[node].iter().rev().map(|&child| (child, false)));
        }
        Axis { stride, parent, depth, leaves, below }
    }

    fn node(&self, cell: usize) -> usize {
        cell / self.stride % self.parent.len()
    }

    /// How far a cell's index goes down from a node to the one above at a depth; `None` where that is below.
    fn back(&self, node: usize, depth: u32) -> Option<isize> {
        let mut at = node;
        while self.depth[at] > depth {
            at = self.parent[at] as usize;
        }
        (self.depth[at] == depth).then(|| (at as isize - node as isize) * self.stride as isize)
    }
}

/// The search's state.
struct Leaves<'p> {
    axes: Vec<Axis>,
    published: &'p [Option<i64>],
    /// By cell: an innermost cell's count, and what a published total lacks.
    values: Vec<i64>,
    /// The least value of a hidden cell.
    least: i64,
    weights: Vec<u16>,
    rests: Vec<u32>,
    lacking: Vec<u32>,
    position: Vec<u32>,
}

/// A change of one cell or two.
struct Step {
    cost: i64,
    tie: u64,
    changes: [(usize, i64); 2],
}

/// A value for each cell, if they were found.
pub(super) fn fit(table: &PublicTable, zeros: Zeros) -> Option<Vec<i64>> {
    let mut leaves = Leaves::new(table, zeros)?;
    leaves.estimate();
    leaves.walk();
    leaves.lacking.is_empty().then(|| leaves.added_up())
}

impl<'p> Leaves<'p> {
    fn new(table: &'p PublicTable, zeros: Zeros) -> Option<Self> {
        let [published] = &table.values[..] else { return None };
        let mut stride = published.len();
        let axes = table.dimensions.iter().map(|dimension| {
            stride /= dimension.nodes.len();
            Axis::new(dimension, stride)
        });
        let cells = published.len();
        Some(Leaves {
            axes: axes.collect(),
            published,
            values: vec![0; cells],
            least: i64::from(zeros == Zeros::Print),
            weights: vec![1; cells],
            rests: vec![0; cells],
            lacking: Vec::new(),
            position: vec![NONE; cells],
        })
    }

    fn is_leaf(&self, cell: usize) -> bool {
        self.axes.iter().all(|axis| {
            let (first, end) = axis.below[axis.node(cell)];
            end == first + 1 && axis.leaves[first as usize] as usize == axis.node(cell)
        })
    }

    /// Sets the innermost cells near an estimate that meets the published totals.
    fn estimate(&mut self) {
        let cells: Vec<u32> = (0..self.published.len()).filter(|&cell| self.is_leaf(cell)).map(|c| c as u32).collect();
        let hidden: Vec<u32> = cells.iter().copied().filter(|&cell| self.published[cell as usize].is_none()).collect();
        for &cell in &cells {
            self.values[cell as usize] = self.published[cell as usize].unwrap_or(self.least);
        }
        // What published totals leave for what lies above the least value.
        let settled = self.added_up();
        let mut above = vec![1.0_f32; hidden.len()];
        let mut sums = vec![0.0_f64; self.published.len()];
        let members: Vec<Vec<(u32, u32)>> = self.depths().iter().map(|depths| self.totals(depths, &hidden)).collect();
        for _ in 0..SWEEPS {
            let mut widest = 0.0_f64;
            for members in &members {
                for &(at, total) in members {
                    sums[total as usize] += f64::from(above[at as usize]);
                }
                for &(at, total) in members {
                    let (above, total) = (&mut above[at as usize], total as usize);
                    let wanted = (self.published[total].unwrap_or(0) - settled[total]) as f64;
                    widest = widest.max((wanted - sums[total]).abs());
                    *above = ((f64::from(*above) * wanted / sums[total]) as f32).clamp(1e-20, 1e12);
                }
                members.iter().for_each(|&(_, total)| sums[total as usize] = 0.0);
            }
            if widest < CLOSE {
                break;
            }
        }
        let mut carried = 0.0_f64;
        for (&cell, &above) in hidden.iter().zip(&above) {
            let wanted = f64::from(above) + carried;
            let whole = wanted.round().max(0.0);
            carried = (wanted - whole).clamp(-1.0, 1.0);
            self.values[cell as usize] += whole as i64;
        }
        for (cell, sum) in self.added_up().into_iter().enumerate() {
            if let Some(published) = self.published[cell].filter(|_| !self.is_leaf(cell)) {
                self.lack(cell, published - sum);
            }
        }
    }

    /// Every choice of a depth in each dimension.
    fn depths(&self) -> Vec<Vec<u32>> {
        let mut all = vec![Vec::new()];
        for axis in &self.axes {
            let most = axis.depth.iter().copied().max().unwrap_or(0);
            all = (all.iter())
                .flat_map(|before: &Vec<u32>| (0..=most).map(move |depth| [&before[..], &[depth]].concat()))
                .collect();
        }
        all
    }

    /// The published totals of cells at some depths, with the cells by number.
    fn totals(&self, depths: &[u32], cells: &[u32]) -> Vec<(u32, u32)> {
        let back: Vec<Vec<Option<isize>>> = (self.axes.iter().zip(depths))
            .map(|(axis, &depth)| (0..axis.parent.len()).map(|node| axis.back(node, depth)).collect())
            .collect();
        let total = |cell: u32| {
            let axes = self.axes.iter().zip(&back);
            let at = axes.map(|(axis, back)| back[axis.node(cell as usize)]).sum::<Option<isize>>()?;
            let total = (cell as isize + at) as u32;
            (total != cell && self.published[total as usize].is_some()).then_some(total)
        };
        (cells.iter().enumerate()).filter_map(|(at, &cell)| Some((at as u32, total(cell)?))).collect()
    }

    /// All cells, from the innermost.
    fn added_up(&self) -> Vec<i64> {
        let mut sums: Vec<i64> =
            (0..self.values.len()).map(|cell| if self.is_leaf(cell) { self.values[cell] } else { 0 }).collect();
        for axis in &self.axes {
            let mut nodes: Vec<usize> = (0..axis.parent.len()).filter(|&node| axis.parent[node] != NONE).collect();
            nodes.sort_by_key(|&node| std::cmp::Reverse(axis.depth[node]));
            let count = axis.parent.len();
            for outer in (0..sums.len()).step_by(axis.stride * count) {
                for &node in &nodes {
                    let (from, to) = (outer + node * axis.stride, outer + axis.parent[node] as usize * axis.stride);
                    for inner in 0..axis.stride {
                        sums[to + inner] += sums[from + inner];
                    }
                }
            }
        }
        sums
    }

    /// Sets what a published total lacks.
    fn lack(&mut self, total: usize, lack: i64) {
        let before = std::mem::replace(&mut self.values[total], lack);
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
        let steps = (STEPS * self.published.iter().flatten().count() as u64).max(LEAST_STEPS);
        let mut scratch = (Vec::new(), Vec::new());
        for step in 1..=steps.min(u64::from(u32::MAX - 100)) {
            if self.lacking.is_empty() {
                return;
            }
            let total = self.lacking[(mix(step, 1) % self.lacking.len() as u64) as usize] as usize;
            self.step(total, step, &mut scratch);
        }
    }

    fn step(&mut self, total: usize, step: u64, (totals, others): &mut (Vec<u32>, Vec<u32>)) {
        let lack = self.values[total];
        let ranges: Vec<(u32, u32)> = self.axes.iter().map(|axis| axis.below[axis.node(total)]).collect();
        let count: u64 = ranges.iter().map(|(first, end)| u64::from(end - first)).product();
        let start = mix(step, 2) % count;
        let mut best: Option<Step> = None;
        let mut tried = 0;
        for attempt in 0..count.min(TRIES) {
            // All in turn where they are few, else at random.
            let number = if count <= TRIES { (start + attempt) % count } else { mix(step, 16 + attempt) % count };
            let cell = self.leaf(&ranges, number);
            let whole = lack.max(self.least - self.values[cell]);
            if whole == 0 || !self.is_free(cell, step) {
                continue;
            }
            self.totals_of(cell, totals);
            for by in [whole, whole.signum()] {
                self.consider(&mut best, step, self.cost(totals, &[], by), [(cell, by), (cell, 0)]);
                if by == whole.signum() {
                    break;
                }
            }
            if tried < PARTNERED {
                // Somebody comes from, or goes to, a cell outside the total: what both are part of stays.
                for partner in 0..PARTNERS {
                    let other = self.partner(cell, &ranges, mix(step, 1000 + attempt * PARTNERS + partner));
                    let by = whole.signum();
                    let Some(other) = other.filter(|&other| self.is_free(other, step)) else { continue };
                    if self.values[other] - by < self.least {
                        continue;
                    }
                    self.totals_of(other, others);
                    let cost = self.cost(totals, others, by) + self.cost(others, totals, -by);
                    self.consider(&mut best, step, cost, [(cell, by), (other, -by)]);
                }
            }
            tried += 1;
            if tried == BREADTH {
                break;
            }
        }
        let Some(best) = best else { return };
        if best.cost >= 0 && mix(step, 7).is_multiple_of(SLOW) {
            self.weights[total] = (self.weights[total] + 1).min(HEAVIEST);
        }
        for (number, (cell, by)) in best.changes.into_iter().enumerate().filter(|&(_, (_, by))| by != 0) {
            self.rests[cell] = (step + REST.0 + mix(step, 3 + number as u64) % REST.1) as u32;
            self.values[cell] += by;
            self.totals_of(cell, totals);
            for &total in totals.iter() {
                self.lack(total as usize, self.values[total as usize] - by);
            }
        }
    }

    /// An innermost cell by number among those below nodes.
    fn leaf(&self, ranges: &[(u32, u32)], mut number: u64) -> usize {
        let mut cell = 0;
        for (axis, (first, end)) in self.axes.iter().zip(ranges) {
            let width = u64::from(end - first);
            cell += axis.leaves[*first as usize + (number % width) as usize] as usize * axis.stride;
            number /= width;
        }
        cell
    }

    fn is_free(&self, cell: usize, step: u64) -> bool {
        self.published[cell].is_none() && u64::from(self.rests[cell]) <= step
    }

    /// A cell that differs in one dimension and lies outside the ranges, near by in most cases.
    fn partner(&self, cell: usize, ranges: &[(u32, u32)], random: u64) -> Option<usize> {
        let narrow = |axis: &usize| (ranges[*axis].1 - ranges[*axis].0) < self.axes[*axis].leaves.len() as u32;
        let choices: Vec<usize> = (0..self.axes.len()).filter(narrow).collect();
        let axis = &self.axes[*choices.get((random % choices.len().max(1) as u64) as usize)?];
        let (from, to) = ranges[*choices.get((random % choices.len() as u64) as usize)?];
        let own = axis.node(cell);
        // Below the first node above that holds more than the range; one time in four below a higher one.
        let mut at = axis.parent[own];
        let mut higher = random >> 32 & 3 == 0;
        while at != NONE {
            let (first, end) = axis.below[at as usize];
            if end - first > to - from {
                if !higher || axis.parent[at as usize] == NONE {
                    let leaf = axis.leaves[(u64::from(first) + (random >> 8) % u64::from(end - first)) as usize];
                    let inside = axis.leaves[from as usize..to as usize].contains(&leaf);
                    return (!inside).then_some(cell - own * axis.stride + leaf as usize * axis.stride);
                }
                higher = false;
            }
            at = axis.parent[at as usize];
        }
        None
    }

    /// What a change adds to what totals lack, weighted, those left out that do not change.
    fn cost(&self, totals: &[u32], without: &[u32], by: i64) -> i64 {
        let own = totals.iter().filter(|total| !without.contains(total));
        own.map(|&total| {
            let before = self.values[total as usize];
            i64::from(self.weights[total as usize]) * ((before - by).abs() - before.abs())
        })
        .sum()
    }

    fn consider(&self, best: &mut Option<Step>, step: u64, cost: i64, changes: [(usize, i64); 2]) {
        let tie = mix((changes[0].0 + changes[1].0) as u64, step);
        if best.as_ref().is_none_or(|best| (cost, tie) < (best.cost, best.tie)) {
            *best = Some(Step { cost, tie, changes });
        }
    }

    /// The published totals that a cell is part of.
    fn totals_of(&self, cell: usize, totals: &mut Vec<u32>) {
        totals.clear();
        let mut all: Vec<isize> = vec![cell as isize];
        for axis in &self.axes {
            let node = axis.node(cell);
            let before = all.len();
            let mut at = axis.parent[node];
            while at != NONE {
                let by = (at as isize - node as isize) * axis.stride as isize;
                for one in 0..before {
                    all.push(all[one] + by);
                }
                at = axis.parent[at as usize];
            }
        }
        totals.extend(all[1..].iter().map(|&at| at as u32).filter(|&at| self.published[at as usize].is_some()));
    }
}

/// A number that looks random, the same on every machine (the finaliser of SplitMix64).
fn mix(a: u64, b: u64) -> u64 {
    let mut z = a.wrapping_add(b.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
