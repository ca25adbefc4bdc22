//! What has been seen of each cell of one large table.

use super::EquationName;
use super::ground::Ground;
use super::verify::name;
use crate::disclosure::audit::parts::{Bounds, System};
use crate::disclosure::policy::Policy;
use crate::disclosure::public::PublicTable;

/// The least and the greatest value that was seen of each cell.
pub(super) struct Seen<'s, 'a> {
    table: &'s PublicTable,
    base: &'s [i64],
    bounds: &'s Bounds,
    system: &'s System<'a>,
    policy: &'s Policy,
    ranges: Vec<(i64, i64)>,
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
        Seen { table, base, bounds, system, policy, ranges, sums, touched, above }
    }

    pub(super) fn is_met(&self, cell: usize) -> bool {
        let lower = self.bounds.lower[self.system.index[cell] as usize];
        let (low, high) = self.ranges[cell];
        self.policy.requirement(self.base[cell], lower).is_met(low, high)
    }

    /// A change of the base that makes a hidden cell's range wide enough; `None` where none is needed, or possible.
    pub(super) fn need(&self, cell: usize, up: bool) -> Option<i64> {
        if self.table.values[0][cell].is_some() || self.is_met(cell) {
            return None;
        }
        let unknown = self.system.index[cell] as usize;
        let (lower, upper) = (self.bounds.lower[unknown], self.bounds.upper[unknown]);
        let need = self.policy.requirement(self.base[cell], lower);
        if upper < need.upper || lower > need.lower || upper - lower < need.width {
            return None;
        }
        let (low, high) = self.ranges[cell];
        let goal = match up {
            true => need.upper.max(low + need.width),
            false => need.lower.min(high - need.width),
        };
        let news = goal < low || goal > high;
        (news && (lower..=upper).contains(&goal)).then(|| goal - self.base[cell])
    }

    /// Changes of the base that make a hidden cell's range wide enough: up, down.
    pub(super) fn needs(&self, cell: usize) -> impl Iterator<Item = i64> + use<'_, 's, 'a> {
        [true, false].into_iter().filter_map(move |up| self.need(cell, up))
    }

    /// Takes in a change of innermost cells and of all that they are part of.
    pub(super) fn learn(&mut self, ground: &Ground, change: &[(u32, i64)]) {
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

    /// Hidden cells.
    pub(super) fn hidden(&self) -> Vec<u32> {
        let cells = self.table.values[0].iter().enumerate();
        cells.filter(|(_, published)| published.is_none()).map(|(cell, _)| cell as u32).collect()
    }

    /// The equations that bound what could not be shown to be open.
    pub(super) fn steps(&self) -> Vec<Vec<(EquationName, i64)>> {
        let mut wanted = vec![[false; 2]; self.system.unknowns.len()];
        for (unknown, wanted) in wanted.iter_mut().enumerate() {
            let met = self.is_met(self.system.unknowns[unknown] as usize);
            let (lower, upper) = (self.bounds.lower[unknown], self.bounds.upper[unknown]);
            *wanted = [!met && lower >= self.policy.minimum(), !met && upper == 0];
        }
        let log = self.bounds.needed(&self.system.equations, &mut wanted);
        let mut equations: Vec<u32> = log.iter().map(|step| step.equation).collect();
        equations.dedup();
        equations.into_iter().map(|equation| vec![(name(self.system, equation as usize), 1)]).collect()
    }
}
