//! A certificate of one large table: exchanges of people between hidden cells of a table that fits.
//!
//! An exchange keeps every total by itself, so that any among hidden cells that leaves nobody below the least value is a
//! whole table again. One moves some sixteen cells, most of which need no other.

use super::verify::name;
use super::{Certificate, EquationName, Rules};
use crate::disclosure::audit::parts::{Bounds, System};
use crate::disclosure::policy::Policy;
use crate::disclosure::product::{Cell, Grid};
use crate::disclosure::public::PublicTable;

/// How hard a pass over all cells tries.
struct Ways {
    /// Up, or down.
    changes: &'static [bool],
    /// Of how many exchanges a change may be made, and the cells looked at for one.
    rounds: &'static [i32],
    most: usize,
    /// Cells looked at in all, for each cell of the table.
    work: usize,
}

/// First what one exchange upwards does; then, for as long as the work allows, other ways.
const PASSES: [Ways; 2] = [
    Ways { changes: &[true], rounds: &[1], most: 100, work: usize::MAX },
    Ways { changes: &[true, false], rounds: &[3], most: 300, work: 300 },
];

/// Makes a certificate from a value for each cell.
pub(super) fn certificate(
    (system, bounds): (&System<'_>, &Bounds),
    table: &PublicTable,
    base: &[i64],
    (policy, about): (&Policy, &str),
    step: &mut dyn FnMut(usize, usize),
) -> Certificate {
    let least = |cell: usize| i64::from(system.figures.least[cell]);
    let cell = |(cell, published): (usize, &Option<i64>)| match published {
        Some(_) => Cell { room: 0, price: f32::INFINITY },
        None => Cell { room: i32::try_from((base[cell] - least(cell)).min(1 << 30)).unwrap_or(0), price: 0.0 },
    };
    let cells = table.values[0].iter().enumerate().map(cell).collect();
    let mut grid = Grid::new(&table.dimensions, cells, &|cell| base[cell]);
    let mut seen = Seen { table, base, bounds, system, policy, ranges: base.iter().map(|&v| (v, v)).collect() };
    let mut moves = Vec::new();
    let total = table.values[0].len();
    for (number, ways) in PASSES.into_iter().enumerate() {
        grid.hurry(ways.most, ways.rounds);
        let limit = grid.work.saturating_add(ways.work.saturating_mul(total));
        for cell in 0..total {
            if cell % 4096 == 0 {
                step(number * total + cell, PASSES.len() * total);
            }
            if grid.work > limit {
                break;
            }
            for &up in ways.changes {
                let change = seen.need(cell, up).and_then(|change| i32::try_from(change).ok());
                let Some(change) = change else { continue };
                if let Some(found) = grid.moves(cell as u32, change, true) {
                    seen.learn(&found);
                    let number = |&(cell, by): &(u32, i32)| (system.index[cell as usize], i64::from(by));
                    moves.push((0, found.iter().map(number).collect()));
                }
            }
        }
    }
    Certificate {
        about: about.to_owned(),
        policy: Rules::of(policy),
        base: system.unknowns.iter().map(|&figure| base[figure as usize]).collect(),
        tables: Vec::new(),
        moves,
        steps: seen.steps(),
    }
}

/// The least and the greatest value that was seen of each cell.
struct Seen<'s, 'a> {
    table: &'s PublicTable,
    base: &'s [i64],
    bounds: &'s Bounds,
    system: &'s System<'a>,
    policy: &'s Policy,
    ranges: Vec<(i64, i64)>,
}

impl Seen<'_, '_> {
    fn is_met(&self, cell: usize) -> bool {
        let lower = self.bounds.lower[self.system.index[cell] as usize];
        let (low, high) = self.ranges[cell];
        self.policy.requirement(self.base[cell], lower).is_met(low, high)
    }

    /// A change of the base that makes a hidden cell's range wide enough; `None` where none is needed, or possible.
    fn need(&self, cell: usize, up: bool) -> Option<i64> {
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

    fn learn(&mut self, moves: &[(u32, i32)]) {
        for &(cell, by) in moves {
            let value = self.base[cell as usize] + i64::from(by);
            let range = &mut self.ranges[cell as usize];
            *range = (range.0.min(value), range.1.max(value));
        }
    }

    /// The equations that bound what could not be shown to be open.
    fn steps(&self) -> Vec<Vec<(EquationName, i64)>> {
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
