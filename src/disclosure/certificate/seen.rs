//! What has been seen of each cell of one large table.

use std::collections::{BTreeMap, BTreeSet};

use super::verify::name;
use super::{EquationKind, EquationName};
use crate::disclosure::audit::parts::{Bounds, System};
use crate::disclosure::innermost::{Goals, Ground};
use crate::disclosure::policy::{Policy, Requirement};
use crate::disclosure::public::PublicTable;

/// A combination of totals, each the sum of its innermost cells: cells, and how often each counts.
pub(super) type Proof = Vec<(u32, i64)>;

/// The least and the greatest value that was seen of each cell.
pub(super) struct Seen<'s, 'a> {
    table: &'s PublicTable,
    base: &'s [i64],
    bounds: &'s Bounds,
    system: &'s System<'a>,
    policy: &'s Policy,
    ranges: Vec<(i64, i64)>,
    /// Cells that were shown not to be small, and combinations of totals that show it.
    settled: BTreeSet<u32>,
    proofs: Vec<Proof>,
    /// Scratch: what a change under examination adds to each cell, which cells that are, those above one.
    sums: Vec<i64>,
    touched: Vec<u32>,
    above: Vec<u32>,
}

impl<'s, 'a> Seen<'s, 'a> {
    pub(super) fn new(
        (system, bounds): (&'s System<'a>, &'s Bounds),
        (table, base): (&'s PublicTable, &'s [i64]),
        policy: &'s Policy,
    ) -> Self {
        let ranges = base.iter().map(|&value| (value, value)).collect();
        let (sums, touched, above) = (vec![0; base.len()], Vec::new(), Vec::new());
        let (settled, proofs) = (BTreeSet::new(), Vec::new());
        Seen { table, base, bounds, system, policy, ranges, settled, proofs, sums, touched, above }
    }

    pub(super) fn is_met(&self, cell: usize) -> bool {
        let (low, high) = self.ranges[cell];
        self.requirement(cell).is_met(low, high)
    }

    /// A cell's value in the table that all changes start from.
    pub(super) fn base(&self, cell: usize) -> i64 {
        self.base[cell]
    }

    /// The smallest count that may be shown at a cell.
    pub(super) fn minimum(&self, cell: usize) -> i64 {
        self.system.figures.minimum(cell as u32, self.policy)
    }

    fn requirement(&self, cell: usize) -> Requirement {
        let lower = self.bounds.lower[self.system.index[cell] as usize];
        self.policy.requirement_at(self.minimum(cell), self.base[cell], lower)
    }

    /// Takes in a combination of totals, and the cells that it shows to be empty or large.
    pub(super) fn prove(&mut self, proof: Proof, settled: impl IntoIterator<Item = u32>) {
        self.settled.extend(settled);
        self.proofs.push(proof);
    }

    /// Hidden cells that are still to be moved.
    pub(super) fn left(&self) -> Vec<u32> {
        let mut left = self.hidden();
        left.retain(|&cell| !self.needs(cell as usize).is_empty());
        left
    }

    /// Hidden cells.
    fn hidden(&self) -> Vec<u32> {
        let cells = self.table.values[0].iter().enumerate();
        cells.filter(|(_, published)| published.is_none()).map(|(cell, _)| cell as u32).collect()
    }

    /// The equations that bound what could not be shown to be open.
    pub(super) fn steps(&self, ground: &Ground) -> Vec<Vec<(EquationName, i64)>> {
        let mut wanted = vec![[false; 2]; self.system.unknowns.len()];
        let combined: Vec<BTreeMap<(u32, u32), i64>> =
            self.proofs.iter().map(|proof| expanded(self.table, ground, proof)).collect();
        for (unknown, wanted) in wanted.iter_mut().enumerate() {
            let cell = self.system.unknowns[unknown] as usize;
            let (met, minimum) = (self.is_met(cell), self.minimum(cell));
            let (lower, upper) = (self.bounds.lower[unknown], self.bounds.upper[unknown]);
            *wanted = [!met && lower >= minimum, !met && upper == 0];
        }
        // A combination says something of cells that are open; those that are not are to be known.
        let totals: BTreeSet<u32> = self.proofs.iter().flatten().map(|&(total, _)| total).collect();
        if !totals.is_empty() {
            for (unknown, wanted) in wanted.iter_mut().enumerate().filter(|&(unknown, _)| self.bounds.is_fixed(unknown))
            {
                let mut above = Vec::new();
                ground.ancestors(self.system.unknowns[unknown], &mut above);
                if above.iter().any(|cell| totals.contains(cell)) {
                    *wanted = [true, true];
                }
            }
        }
        let log = self.bounds.needed(&self.system.equations, &mut wanted);
        let mut equations: Vec<u32> = log.iter().map(|step| step.equation).collect();
        equations.dedup();
        let single = equations.into_iter().map(|equation| vec![(name(self.system, equation as usize), 1)]);
        let along = |((cell, axis), multiplier): ((u32, u32), i64)| {
            (EquationName { kind: EquationKind::Along(axis), table: 0, index: 0, cell }, multiplier)
        };
        single.chain(combined.into_iter().map(|terms| terms.into_iter().map(along).collect())).collect()
    }
}

impl Goals for Seen<'_, '_> {
    fn wanted(&self) -> Vec<u32> {
        self.hidden()
    }

    fn need(&self, cell: usize, up: bool) -> Option<i64> {
        if self.table.values[0][cell].is_some() || self.is_met(cell) || self.settled.contains(&(cell as u32)) {
            return None;
        }
        let unknown = self.system.index[cell] as usize;
        let (lower, upper) = (self.bounds.lower[unknown], self.bounds.upper[unknown]);
        let need = self.requirement(cell);
        if upper < need.upper || lower > need.lower || upper - lower < need.width {
            return None;
        }
        let (low, high) = self.ranges[cell];
        let goal = match up {
            true => need.upper.max(low + need.width).min(upper),
            false => need.lower.min(high - need.width).max(lower),
        };
        (goal < low || goal > high).then(|| goal - self.base[cell])
    }

    fn learn(&mut self, ground: &Ground, change: &[(u32, i64)]) {
        for &(leaf, by) in change {
            ground.ancestors(ground.leaves[leaf as usize], &mut self.above);
            for &cell in &self.above {
                let sum = &mut self.sums[cell as usize];
                if *sum == 0 {
                    self.touched.push(cell);
                }
                *sum += by;
            }
        }
        for cell in self.touched.drain(..) {
            let value = self.base[cell as usize] + std::mem::take(&mut self.sums[cell as usize]);
            let range = &mut self.ranges[cell as usize];
            *range = (range.0.min(value), range.1.max(value));
        }
    }
}

/// The equations that say of each total of a proof that it is the sum of its innermost cells: cell, dimension, multiplier.
fn expanded(table: &PublicTable, ground: &Ground, proof: &Proof) -> BTreeMap<(u32, u32), i64> {
    let mut equations: BTreeMap<(u32, u32), i64> = BTreeMap::new();
    let mut stack = proof.clone();
    while let Some((cell, multiplier)) = stack.pop() {
        let parts = ground.axes.iter().enumerate().find_map(|(at, axis)| {
            let node = axis.node(cell as usize);
            let below = |child: &usize| axis.parent[*child] as usize == node;
            let parts = (0..axis.parent.len())
                .filter(below)
                .map(|child| cell as usize - node * axis.stride + child * axis.stride);
            let parts: Vec<u32> = parts.map(|cell| cell as u32).collect();
            (!parts.is_empty()).then_some((at as u32, parts))
        });
        let Some((axis, parts)) = parts else { continue };
        // Where all is printed there is no equation.
        if parts.iter().chain([&cell]).any(|&cell| table.values[0][cell as usize].is_none()) {
            *equations.entry((cell, axis)).or_default() += multiplier;
        }
        stack.extend(parts.into_iter().map(|part| (part, multiplier)));
    }
    equations.retain(|_, multiplier| *multiplier != 0);
    equations
}
