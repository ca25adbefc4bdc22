//! The search for one large table of counts: exchanges only, on flat arrays in the order of the cells.
//!
//! A table of millions of cells leaves a figure no more than a part of a millisecond. So there is no start by elimination,
//! and no linear program unless nothing else helps: for each figure, smallest first, the cheapest *exchange* that moves it
//! is looked for by branch and bound. An exchange is a product, one factor for each dimension: people come from another
//! category, or are added up to the total. Its cells in the dimensions chosen so far are among its cells in the end, so
//! that their price bounds its price from below, and the least of those that lose people bounds how many can come.
//! Then each cell that is hidden for others is published again, heaviest first, where the figures that it served have other
//! exchanges among what is hidden.
//!
//! # Reference
//! P. Diaconis and B. Sturmfels, "Algebraic algorithms for sampling from conditional distributions", Annals of
//! Statistics 26 (1998): basic moves. A. H. Land and A. G. Doig, "An automatic method of solving discrete programming
//! problems", Econometrica 28 (1960): branch and bound.

use super::condense::System;
use super::local::{Goal, Local, Movable, Witness};
use super::policy::{Phase, Policy, Progress};
use super::product::{Cell, Grid};
use super::search::Pattern;
use super::system::{Place, Release};
use super::table::{MeasureKind, Table};

/// Systems of fewer unknowns are searched thoroughly.
const LARGE: usize = 60_000;
/// Cells are published again for as long as that takes no more than this part of what the search took, or than looking at
/// so many cells.
const SHARE: usize = 4;
const LEAST_WORK: usize = 300_000_000;
/// Figures that may need a new witness for one cell to be published again.
const FIGURES: usize = 60;
/// How large a part of the system a linear program looks at where no exchange was found.
const SIZES: [usize; 3] = [400, 1200, 4000];
/// Not a cell, not a witness, not an unknown.
const NONE: u32 = u32::MAX;

/// Whether the release is for this search: one table of one count, too large for others.
pub(super) fn is_large(tables: &[Table], system: &System) -> bool {
    let plain = |table: &Table| table.measures.len() == 1 && table.measures[0].kind == MeasureKind::Count;
    system.unknowns.len() > LARGE && tables.len() == 1 && plain(&tables[0])
}

/// Witnesses one after the other, and those of each cell.
struct Kept {
    starts: Vec<u32>,
    moves: Vec<(u32, i32)>,
    alive: Vec<bool>,
    /// By cell: the last entry of the list of its witnesses.
    head: Vec<u32>,
    /// Witness, how far it moves the cell, and the entry before.
    entries: Vec<(u32, i32, u32)>,
}

impl Kept {
    fn moves(&self, witness: u32) -> &[(u32, i32)] {
        &self.moves[self.starts[witness as usize] as usize..self.starts[witness as usize + 1] as usize]
    }

    fn push(&mut self, moves: &[(u32, i32)]) {
        let number = self.alive.len() as u32;
        for &(cell, by) in moves {
            self.entries.push((number, by, self.head[cell as usize]));
            self.head[cell as usize] = self.entries.len() as u32 - 1;
        }
        self.moves.extend_from_slice(moves);
        self.starts.push(self.moves.len() as u32);
        self.alive.push(true);
    }

    /// The witnesses that move a cell, while they are any, and how far.
    fn of(&self, cell: u32) -> impl Iterator<Item = (u32, i32)> + '_ {
        let entry = |at: u32| (at != NONE).then_some(at);
        let entries =
            std::iter::successors(entry(self.head[cell as usize]), move |&at| entry(self.entries[at as usize].2));
        let own = entries.map(|at| self.entries[at as usize]).map(|(witness, by, _)| (witness, by));
        own.filter(|&(witness, _)| self.alive[witness as usize])
    }

    fn by(&self, witness: u32, cell: u32) -> i32 {
        self.moves(witness).iter().find(|&&(moved, _)| moved == cell).map_or(0, |&(_, by)| by)
    }
}

struct Large<'a> {
    system: &'a System,
    policy: &'a Policy,
    local: Local<'a>,
    grid: Grid,
    /// Unknown by cell.
    unknown: Vec<u32>,
    kept: Kept,
    /// Cells of each unknown, one after the other.
    starts: Vec<u32>,
    places: Vec<u32>,
}

/// Searches a pattern.
pub(super) fn search(
    tables: &[Table],
    release: &Release,
    system: &System,
    policy: &Policy,
    stop: &dyn Fn() -> bool,
    progress: &mut dyn FnMut(Progress),
) -> Pattern {
    let mut large = Large::new(&tables[0], release, system, policy);
    let unmet = large.protect_all(progress);
    if unmet.is_empty() {
        large.publish_again(stop, progress);
    }
    large.pattern(unmet)
}

impl<'a> Large<'a> {
    fn new(table: &Table, release: &Release, system: &'a System, policy: &'a Policy) -> Self {
        let count = table.cell_count();
        let number = |cell| {
            let variable = release.at(Place { table: 0, measure: 0, of: None, cell });
            variable.and_then(|variable| system.unknown_of(variable)).map_or(NONE, |unknown| unknown as u32)
        };
        let unknown: Vec<u32> = (0..count).map(number).collect();
        let mut starts = vec![0_u32; system.unknowns.len() + 1];
        for &unknown in unknown.iter().filter(|&&unknown| unknown != NONE) {
            starts[unknown as usize + 1] += 1;
        }
        for at in 0..system.unknowns.len() {
            starts[at + 1] += starts[at];
        }
        let mut at = starts.clone();
        let mut places = vec![0; starts[system.unknowns.len()] as usize];
        for (cell, &unknown) in unknown.iter().enumerate().filter(|&(_, &unknown)| unknown != NONE) {
            places[at[unknown as usize] as usize] = cell as u32;
            at[unknown as usize] += 1;
        }
        let cell = |&unknown: &u32| {
            if unknown == NONE {
                return Cell { room: 0, price: f32::INFINITY };
            }
            let unknown = unknown as usize;
            let own = &system.unknowns[unknown];
            let share = (starts[unknown + 1] - starts[unknown]) as f32;
            let room = i32::try_from((own.value - own.lower).min(1 << 30)).unwrap_or(0);
            Cell { room, price: if own.primary { 0.0 } else { own.cost as f32 / share } }
        };
        let cells = unknown.iter().map(cell).collect();
        let grid = Grid::new(&table.dimensions, cells, &|cell| table.values[0][cell]);
        let kept = Kept {
            starts: vec![0],
            moves: Vec::new(),
            alive: Vec::new(),
            head: vec![NONE; count],
            entries: Vec::new(),
        };
        let local = Local::new(system);
        Large { system, policy, local, grid, unknown, kept, starts, places }
    }

    fn places(&self, unknown: usize) -> &[u32] {
        &self.places[self.starts[unknown] as usize..self.starts[unknown + 1] as usize]
    }

    fn protect_all(&mut self, progress: &mut dyn FnMut(Progress)) -> Vec<usize> {
        let unknowns = self.system.unknowns.iter().enumerate();
        let mut order: Vec<usize> = unknowns.filter(|(_, unknown)| unknown.protected).map(|(index, _)| index).collect();
        order.sort_by_key(|&index| (self.system.unknowns[index].value, self.places(index).first().copied(), index));
        let mut unmet = Vec::new();
        for (done, &unknown) in order.iter().enumerate() {
            if done % 1024 == 0 {
                progress(Progress { phase: Phase::Search, done, total: order.len() });
            }
            if !self.protect(unknown, None) && !self.solve(unknown) {
                unmet.push(unknown);
            }
        }
        unmet
    }

    /// How far the figure must still be moved: a signed change; `None` when it is protected.
    fn need(&self, unknown: usize) -> Option<i64> {
        let own = &self.system.unknowns[unknown];
        let requirement = self.system.requirement(self.policy, unknown);
        let (mut low, mut high) = (own.value, own.value);
        let mut see = |there: i64| (low, high) = (low.min(there), high.max(there));
        match self.places(unknown).first() {
            Some(&cell) => {
                self.kept.of(cell).for_each(|(_, by)| see(own.value + i64::from(by)));
            }
            // A sum of figures.
            None => {
                let members = self.members(unknown);
                for (witness, _) in members.iter().flat_map(|&cell| self.kept.of(cell)) {
                    let by = members.iter().map(|&cell| i64::from(self.kept.by(witness, cell))).sum::<i64>();
                    see(own.value + by);
                }
            }
        }
        if requirement.is_met(low, high) {
            None
        } else if low > requirement.lower && high >= requirement.upper {
            Some(requirement.lower - own.value)
        } else {
            Some(requirement.upper.max(low + requirement.width) - own.value)
        }
    }

    /// One cell of each figure of a sum.
    fn members(&self, sum: usize) -> Vec<u32> {
        let terms = self.system.equations_of(sum).flat_map(|equation| self.system.equation(equation));
        terms
            .filter(|&(unknown, _)| unknown != sum)
            .filter_map(|(unknown, _)| self.places(unknown).first().copied())
            .collect()
    }

    fn protect(&mut self, unknown: usize, without: Option<u32>) -> bool {
        for _ in 0..3 {
            let Some(change) = self.need(unknown) else { return true };
            let found = match self.places(unknown).first() {
                Some(&cell) => self.exchange(cell, change, without),
                None => {
                    // Any of its figures moves the sum, if the others stay.
                    let members = self.members(unknown);
                    members.iter().any(|&cell| self.move_alone(cell, &members, change, without))
                }
            };
            if !found {
                return false;
            }
        }
        self.need(unknown).is_none()
    }

    /// Moves a cell while others stay.
    fn move_alone(&mut self, cell: u32, others: &[u32], change: i64, without: Option<u32>) -> bool {
        let still: Vec<u32> = others.iter().copied().filter(|&other| other != cell).collect();
        let before: Vec<Cell> = still.iter().map(|&other| self.grid.cells[other as usize]).collect();
        for &other in &still {
            self.grid.cells[other as usize].price = f32::INFINITY;
        }
        let found = self.exchange(cell, change, without);
        for (&other, before) in still.iter().zip(before) {
            self.grid.cells[other as usize] = before;
        }
        found
    }

    /// Moves a cell by one exchange or several, and hides what they move. Without a cell only what is hidden may move.
    fn exchange(&mut self, cell: u32, change: i64, without: Option<u32>) -> bool {
        let Ok(change) = i32::try_from(change) else { return false };
        let before = without.map(|cell| (cell, self.grid.cells[cell as usize]));
        if let Some((cell, _)) = before {
            self.grid.cells[cell as usize].price = f32::INFINITY;
        }
        let moves = self.grid.moves(cell, change, without.is_some());
        if let Some((cell, before)) = before {
            self.grid.cells[cell as usize] = before;
        }
        moves.is_some_and(|moves| self.keep(moves, cell, change))
    }

    /// Takes in a witness if it holds.
    fn keep(&mut self, moves: Vec<(u32, i32)>, cell: u32, change: i32) -> bool {
        let mut witness: Witness =
            moves.iter().map(|&(cell, by)| (self.unknown[cell as usize] as usize, i64::from(by))).collect();
        witness.sort_unstable();
        witness.dedup();
        let target = self.unknown[cell as usize] as usize;
        let change = i64::from(change);
        let goal = Goal { sum: &[(target, change.signum())], change: change.abs() };
        self.with_sums(&mut witness);
        if !self.local.holds(&goal, &witness) {
            return false;
        }
        for &(cell, _) in &moves {
            let price = &mut self.grid.cells[cell as usize].price;
            *price = -price.abs();
        }
        self.kept.push(&moves);
        true
    }

    /// The sums that an unknown is a part of; they are the last of their equations, and no cell prints them.
    fn sums_of(&self, unknown: usize) -> impl Iterator<Item = usize> + '_ {
        let equations = self.system.equations_of(unknown).filter(|_| self.policy.sums);
        let last = equations.filter_map(|equation| self.system.equation(equation).last());
        last.filter(|&(sum, c)| c == -1 && self.places(sum).is_empty()).map(|(sum, _)| sum)
    }

    /// Adds what sums change by.
    fn with_sums(&self, witness: &mut Witness) {
        if self.policy.sums {
            let mut sums: Vec<(usize, i64)> = Vec::new();
            for &(unknown, by) in witness.iter() {
                sums.extend(self.sums_of(unknown).map(|sum| (sum, by)));
            }
            sums.sort_unstable_by_key(|&(sum, _)| sum);
            sums.dedup_by(|next, kept| {
                let same = next.0 == kept.0;
                kept.1 += if same { next.1 } else { 0 };
                same
            });
            witness.extend(sums.into_iter().filter(|&(_, by)| by != 0));
            witness.sort_unstable();
        }
    }

    /// A linear program around a figure that no exchange moves far enough.
    fn solve(&mut self, unknown: usize) -> bool {
        for _ in 0..3 {
            let Some(change) = self.need(unknown) else { return true };
            let goal = Goal { sum: &[(unknown, change.signum())], change: change.abs() };
            let (system, cells, starts, places) = (self.system, &self.grid.cells, &self.starts, &self.places);
            let movable = |index: usize| {
                let unknown = &system.unknowns[index];
                match places[starts[index] as usize..starts[index + 1] as usize].first() {
                    None => Movable::Free,
                    Some(_) if unknown.primary => Movable::Free,
                    Some(&cell) if cells[cell as usize].price < 0.0 => Movable::Hidden,
                    Some(_) => Movable::Price(unknown.cost),
                }
            };
            let Some(witness) = self.local.witness(&goal, &SIZES, &[], &movable) else { return false };
            let moves: Vec<(u32, i32)> = (witness.iter())
                .flat_map(|&(unknown, by)| self.places(unknown).iter().map(move |&cell| (cell, by as i32)))
                .collect();
            for &(cell, _) in &moves {
                let price = &mut self.grid.cells[cell as usize].price;
                *price = -price.abs();
            }
            self.kept.push(&moves);
        }
        self.need(unknown).is_none()
    }

    fn publish_again(&mut self, stop: &dyn Fn() -> bool, progress: &mut dyn FnMut(Progress)) {
        let mut cells: Vec<u32> =
            (0..self.grid.cells.len() as u32).filter(|&cell| self.grid.cells[cell as usize].price < 0.0).collect();
        cells.retain(|&cell| self.places(self.unknown[cell as usize] as usize).first() == Some(&cell));
        cells.sort_by(|&a, &b| {
            let cost = |cell: u32| self.system.unknowns[self.unknown[cell as usize] as usize].cost;
            cost(b).total_cmp(&cost(a)).then(a.cmp(&b))
        });
        let total = cells.len();
        let most = (self.grid.work / SHARE * self.policy.effort.max(1)).max(LEAST_WORK) + self.grid.work;
        for (done, cell) in cells.into_iter().enumerate() {
            if self.grid.work > most {
                break;
            }
            if done % 256 == 0 {
                progress(Progress { phase: Phase::Release, done, total });
                if stop() {
                    return;
                }
            }
            self.try_publish(cell);
        }
    }

    /// Publishes a cell if all that relied on it can be protected without moving it.
    fn try_publish(&mut self, cell: u32) {
        let dead: Vec<u32> = self.kept.of(cell).map(|(witness, _)| witness).collect();
        dead.iter().for_each(|&witness| self.kept.alive[witness as usize] = false);
        let moved = dead.iter().flat_map(|&witness| self.kept.moves(witness));
        let mut figures: Vec<usize> = moved.map(|&(moved, _)| self.unknown[moved as usize] as usize).collect();
        figures.sort_unstable();
        figures.dedup();
        let sums: Vec<usize> = figures.iter().flat_map(|&unknown| self.sums_of(unknown)).collect();
        figures.extend(sums);
        figures.retain(|&unknown| self.system.unknowns[unknown].protected);
        figures.sort_unstable();
        figures.dedup();
        figures.retain(|&unknown| self.need(unknown).is_some());
        let done = figures.len() <= FIGURES && figures.iter().all(|&unknown| self.protect(unknown, Some(cell)));
        if !done {
            dead.into_iter().for_each(|witness| self.kept.alive[witness as usize] = true);
            return;
        }
        let unknown = self.unknown[cell as usize] as usize;
        for at in self.starts[unknown]..self.starts[unknown + 1] {
            let price = &mut self.grid.cells[self.places[at as usize] as usize].price;
            *price = price.abs();
        }
    }

    /// What is hidden now, less what no witness moves.
    fn pattern(self, unmet: Vec<usize>) -> Pattern {
        let witnesses: Vec<Witness> = (0..self.kept.alive.len() as u32)
            .filter(|&witness| self.kept.alive[witness as usize])
            .map(|witness| {
                let own = self.kept.moves(witness).iter();
                let mut witness: Witness =
                    own.map(|&(cell, by)| (self.unknown[cell as usize] as usize, i64::from(by))).collect();
                witness.sort_unstable();
                witness.dedup();
                witness
            })
            .collect();
        let mut hidden: Vec<bool> =
            self.system.unknowns.iter().map(|unknown| unknown.printed && unknown.primary).collect();
        witnesses.iter().flatten().for_each(|&(unknown, _)| hidden[unknown] |= self.system.unknowns[unknown].printed);
        Pattern { hidden, unmet, witnesses, programs: self.local.programs }
    }
}
