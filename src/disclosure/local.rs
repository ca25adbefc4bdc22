//! One small linear program of the search: which cells around a figure must move so that it can.
//!
//! The answer is a witness: whole-number changes that keep every total, leave no cell below what a reader grants it,
//! and move the figure as far as asked. It is checked exactly; nothing in floating point is believed.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use microlp::{ComparisonOp, LinearExpr, OptimizationDirection, Problem, SolveOptions, Variable};

use super::condense::{System, Unknown};
use super::dual::{Dual, Outcome, Terms};
use super::simplex::Simplex;

/// Whole-number changes by unknown, sorted.
pub(super) type Witness = Vec<(usize, i64)>;

/// The columns whose signed sum is an unknown's change.
type Columns = Vec<(Variable, f64)>;

/// What a witness must do: change this sum by at least so much.
pub(super) struct Goal<'a> {
    pub(super) sum: &'a [(usize, i64)],
    pub(super) change: i64,
}

/// The unknowns that may move and the equations between them.
struct Region {
    unknowns: Vec<usize>,
    /// Equations, by position.
    rows: Vec<Vec<(usize, i64)>>,
    /// Complements that follow from the others.
    guards: Vec<Guard>,
    /// The goal's sum, by position.
    goal: Vec<(usize, i64)>,
}

/// An unknown that one equation gives and no other holds, such as a complement: no column of the program, only a bound
/// on the sum that gives it.
struct Guard {
    unknown: usize,
    /// Its change, by position.
    change: Vec<(usize, i64)>,
    /// How far it can go down.
    room: i64,
}

/// What moving an unknown means: nothing may move it, it is hidden anyway, or it has to be hidden at a price.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Movable {
    No,
    Free,
    /// Hidden for others; the price is small and serves to leave it alone where that costs nothing.
    Hidden,
    Price(f64),
}

/// A search for witnesses over one system; holds the scratch space.
pub(super) struct Local<'a> {
    system: &'a System,
    /// The equation that gives an unknown, where it is one that follows.
    given_by: Vec<Option<usize>>,
    /// The unknown that an equation gives.
    gives: Vec<Option<usize>>,
    /// Position in the region, or `usize::MAX`.
    position: Vec<usize>,
    /// Distance of an unknown in the region being grown, valid where the stamp is the current one.
    distance: Vec<u32>,
    stamps: Vec<u32>,
    stamp: u32,
    /// Prices by amount that replace the usual ones.
    slopes: BTreeMap<usize, f64>,
    simplex: Simplex,
    /// Made when it is first needed.
    dual: Option<Dual>,
    /// An unknown of which the reader knows that it is not empty.
    pub(super) not_empty: Option<usize>,
    pub(super) programs: usize,
    /// Squares of the sizes of the programs in regions by 400, and as much for the others: a measure of the time spent
    /// that is the same on every machine.
    pub(super) work: usize,
}

/// What came of a search over the whole system.
pub(super) enum Far {
    Found(Witness),
    /// No witness moves only what may be moved.
    Impossible,
    Unknown,
}

/// At least 0, below 1, the same for an unknown every time: no two ways cost quite the same.
fn jitter(unknown: usize, salt: u64) -> f64 {
    let mixed = (unknown as u64 + 1 + (salt << 32)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    ((mixed ^ (mixed >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9) >> 40) as f64 / (1_u64 << 24) as f64
}

/// How far apart the prices of hidden cells are, as a share of them.
const JITTER: f64 = 0.5;
/// The same for cells that are published: only what tells equal ones apart.
const SLIGHT: f64 = 1e-4;
/// What it costs to move a figure that is primary or not printed, and a cell hidden for others, as far as the goal
/// asks: far below the price of any cell that is still published.
const FREE_PRICE: f64 = 0.005;
const MOVE_PRICE: f64 = 0.01;
/// Programs for a corner that can be made whole.
const CORNERS: u64 = 4;
/// Multiplications that take about as long as the unit of work.
const WORK_UNIT: usize = 1500;

const OUTSIDE: usize = usize::MAX;

impl<'a> Local<'a> {
    pub(super) fn new(system: &'a System) -> Self {
        let mut given_by = vec![None; system.unknowns.len()];
        let mut gives = vec![None; system.equation_count()];
        for (index, unknown) in system.unknowns.iter().enumerate() {
            let mut equations = system.equations_of(index);
            if let (false, Some(equation), None) = (unknown.printed, equations.next(), equations.next()) {
                let unit = system.equation(equation).any(|(u, c)| u == index && c.abs() == 1);
                if gives[equation].is_none() && unit {
                    gives[equation] = Some(index);
                    given_by[index] = Some(equation);
                }
            }
        }
        let count = system.unknowns.len();
        Local {
            system,
            given_by,
            gives,
            position: vec![OUTSIDE; count],
            distance: vec![0; count],
            stamps: vec![0; count],
            stamp: 0,
            slopes: BTreeMap::new(),
            simplex: Simplex::default(),
            dual: None,
            not_empty: None,
            programs: 0,
            work: 0,
        }
    }

    /// How far an unknown can fall.
    pub(super) fn room(&self, unknown: usize) -> i64 {
        room(self.system, self.not_empty, unknown)
    }

    /// The change of an unknown that follows, in terms of the others of its equation.
    fn given(&self, unknown: usize, equation: usize) -> Vec<(usize, i64)> {
        let mut terms = self.system.equation(equation);
        let own = terms.clone().find(|&(other, _)| other == unknown).map_or(1, |(_, coefficient)| coefficient);
        // The coefficient is 1 or -1.
        terms.by_ref().filter(|&(other, _)| other != unknown).map(|(other, c)| (other, -c * own)).collect()
    }

    /// The goal's sum without unknowns that follow.
    fn rewritten(&self, sum: &[(usize, i64)]) -> Vec<(usize, i64)> {
        let mut terms: BTreeMap<usize, i64> = BTreeMap::new();
        for &(unknown, coefficient) in sum {
            let given = self.given_by[unknown].map(|equation| self.given(unknown, equation));
            for (other, c) in given.unwrap_or_else(|| vec![(unknown, 1)]) {
                *terms.entry(other).or_default() += coefficient * c;
            }
        }
        terms.into_iter().filter(|&(_, coefficient)| coefficient != 0).collect()
    }

    /// The cheapest witness over the whole system, as far as a linear program sees it in so many steps.
    pub(super) fn far(&mut self, goal: &Goal<'_>, most: usize, movable: &dyn Fn(usize) -> Movable) -> Far {
        self.slopes.clear();
        let mut found = self.whole(goal, most, movable);
        for _ in 0..SLOPES {
            let Far::Found(best) = &found else { break };
            let price = cost(best, movable);
            if price <= 0.0 {
                break;
            }
            for &(unknown, by) in best {
                if let Movable::Price(cost) = movable(unknown) {
                    self.slopes.insert(unknown, cost * goal.change as f64 / by.unsigned_abs() as f64);
                }
            }
            match self.whole(goal, most, movable) {
                Far::Found(other) if cost(&other, movable) < price => found = Far::Found(other),
                _ => break,
            }
        }
        self.slopes.clear();
        found
    }

    /// Where the last program was impossible: published cells of which one at least would have to move.
    pub(super) fn blocked(&self) -> &[usize] {
        self.dual.as_ref().map_or(&[], Dual::blocked)
    }

    /// A corner of the program that is whole: where one can't be made so, another is tried, at prices that differ a
    /// little.
    fn whole(&mut self, goal: &Goal<'_>, most: usize, movable: &dyn Fn(usize) -> Movable) -> Far {
        for salt in 0..CORNERS {
            match self.corner(goal, most, salt, movable) {
                Outcome::Found(moves) => {
                    if let Some(witness) = self.rounded(goal, moves) {
                        return Far::Found(witness);
                    }
                }
                Outcome::Impossible => return Far::Impossible,
                Outcome::Unsolved => return Far::Unknown,
                Outcome::Broken => {}
            }
        }
        Far::Unknown
    }

    fn rounded(&self, goal: &Goal<'_>, moves: Vec<(usize, f64)>) -> Option<Witness> {
        let mut sums: BTreeMap<usize, f64> = goal.sum.iter().map(|&(figure, sign)| (figure, sign as f64)).collect();
        for (unknown, change) in moves {
            *sums.entry(unknown).or_default() += change;
        }
        let unit = goal.change as f64;
        let whole = sums.into_iter().map(|(unknown, change)| (unknown, (change * unit).round() as i64));
        let witness: Witness = whole.filter(|&(_, change)| change != 0).collect();
        self.holds(goal, &witness).then_some(witness)
    }

    /// Solves the program in units of the goal.
    fn corner(&mut self, goal: &Goal<'_>, most: usize, salt: u64, movable: &dyn Fn(usize) -> Movable) -> Outcome {
        let &[(figure, sign)] = goal.sum else { return Outcome::Unsolved };
        self.programs += 1;
        let unit = goal.change as f64;
        let (system, slopes, not_empty) = (self.system, &self.slopes, self.not_empty);
        let terms = |index: usize| {
            let room = room(system, not_empty, index) as f64 / unit;
            let shaken = |by: f64| 1.0 + by * jitter(index, salt);
            let (up, down) = match (movable(index), slopes.get(&index)) {
                (Movable::No, _) => return None,
                (Movable::Free, _) => (FREE_PRICE * shaken(JITTER), FREE_PRICE * shaken(JITTER)),
                (Movable::Hidden, _) => (MOVE_PRICE * shaken(JITTER), MOVE_PRICE * shaken(JITTER)),
                (Movable::Price(_), Some(&slope)) => (slope * shaken(SLIGHT), slope * shaken(SLIGHT)),
                // What a cell costs by the amount that it is likely to move.
                (Movable::Price(price), None) => {
                    (price * shaken(SLIGHT), price / room.clamp(1.0 / unit, 1.0) * shaken(SLIGHT))
                }
            };
            Some(Terms { up, down, room })
        };
        let gives = &self.gives;
        let dual = self.dual.get_or_insert_with(|| Dual::new(system, gives));
        let before = dual.work;
        let outcome = dual.solve((figure, sign as f64), unit, most, &terms);
        self.work += (dual.work - before) / WORK_UNIT;
        outcome
    }

    /// A witness for the goal within regions of growing size; `None` when none is found in the largest.
    pub(super) fn witness(
        &mut self,
        goal: &Goal<'_>,
        sizes: &[usize],
        seed: &[usize],
        movable: &dyn Fn(usize) -> Movable,
    ) -> Option<Witness> {
        let sum = self.rewritten(goal.sum);
        let mut before = 0;
        let (mut best, mut found): (Option<(f64, Witness)>, usize) = (None, 0);
        let enough = if self.system.unknowns.len() <= SMALL { 2 } else { 1 };
        for &size in sizes {
            let Some(region) = self.region(&sum, size, if size >= SEEDED { seed } else { &[] }, movable) else {
                continue;
            };
            if region.unknowns.len() == before {
                continue;
            }
            before = region.unknowns.len();
            let Some(witness) = self.cheapest(goal, &region, movable) else { continue };
            let price = cost(&witness, movable);
            if best.as_ref().is_none_or(|(other, _)| price < *other) {
                best = Some((price, witness));
            }
            found += 1;
            if (found >= enough && price <= CHEAP) || price <= 0.0 {
                break;
            }
        }
        best.map(|(_, witness)| witness)
    }

    /// A program's prices grow with the amount, but a cell costs the same however far it moves: so each cell's price is
    /// set to its cost by the amount that it moved last, and the program solved again, while that helps.
    fn cheapest(&mut self, goal: &Goal<'_>, region: &Region, movable: &dyn Fn(usize) -> Movable) -> Option<Witness> {
        self.slopes.clear();
        let mut best = self.solve(goal, region, movable)?;
        let mut price = cost(&best, movable);
        for _ in 0..SLOPES {
            if price <= 0.0 {
                break;
            }
            for &(unknown, by) in &best {
                if let Movable::Price(cost) = movable(unknown) {
                    self.slopes.insert(unknown, cost / by.unsigned_abs() as f64);
                }
            }
            let Some(other) = self.solve(goal, region, movable) else { break };
            let other_price = cost(&other, movable);
            if other_price >= price {
                break;
            }
            (best, price) = (other, other_price);
        }
        self.slopes.clear();
        Some(best)
    }

    /// The nearest unknowns, cheap ones first, less those that an equation with no other member pins down; `None` when
    /// that leaves nothing of the goal.
    fn region(
        &mut self,
        goal: &[(usize, i64)],
        size: usize,
        seed: &[usize],
        movable: &dyn Fn(usize) -> Movable,
    ) -> Option<Region> {
        let members = self.nearest(goal, size, seed, movable);
        for (position, &unknown) in members.iter().enumerate() {
            self.position[unknown] = position;
        }
        let inside = self.unpinned(&members);
        for &unknown in &members {
            self.position[unknown] = OUTSIDE;
        }
        let kept: Vec<usize> =
            members.iter().zip(inside).filter_map(|(&member, inside)| inside.then_some(member)).collect();
        for (position, &unknown) in kept.iter().enumerate() {
            self.position[unknown] = position;
        }
        let mut rows: Vec<usize> = kept.iter().flat_map(|&m| self.system.equations_of(m)).collect();
        rows.sort_unstable();
        rows.dedup();
        let (given, rows): (Vec<usize>, Vec<usize>) = rows.into_iter().partition(|&row| self.gives[row].is_some());
        let rows = rows.into_iter().map(|row| self.localise(self.system.equation(row))).collect();
        let guards =
            given.into_iter().filter_map(|row| self.gives[row].map(|unknown| self.guard(unknown, row))).collect();
        let goal = self.localise(goal.iter().copied());
        for &unknown in &kept {
            self.position[unknown] = OUTSIDE;
        }
        (!goal.is_empty()).then_some(Region { unknowns: kept, rows, guards, goal })
    }

    fn guard(&self, unknown: usize, equation: usize) -> Guard {
        Guard { unknown, change: self.localise(self.given(unknown, equation)), room: self.room(unknown) }
    }

    /// The terms inside the region, by position.
    fn localise(&self, terms: impl IntoIterator<Item = (usize, i64)>) -> Vec<(usize, i64)> {
        let terms = terms.into_iter().map(|(unknown, coefficient)| (self.position[unknown], coefficient));
        terms.filter(|&(position, _)| position != OUTSIDE).collect()
    }

    /// Which members are left when each that is alone in an equation is taken out, again and again.
    fn unpinned(&self, members: &[usize]) -> Vec<bool> {
        let mut inside = vec![true; members.len()];
        let is_inside = |inside: &[bool], unknown: usize| {
            let position = self.position[unknown];
            position != OUTSIDE && inside[position]
        };
        let mut stack: Vec<usize> = members.to_vec();
        while let Some(unknown) = stack.pop() {
            for equation in self.system.equations_of(unknown) {
                if self.gives[equation].is_some() {
                    continue;
                }
                let mut alive = self.system.equation(equation).filter(|&(other, _)| is_inside(&inside, other));
                if let (Some((only, _)), None) = (alive.next(), alive.next()) {
                    inside[self.position[only]] = false;
                    stack.extend(self.neighbours(only).filter(|&other| is_inside(&inside, other)));
                }
            }
        }
        inside
    }

    fn neighbours(&self, unknown: usize) -> impl Iterator<Item = usize> + '_ {
        let equations = self.system.equations_of(unknown);
        equations.flat_map(|equation| self.system.equation(equation).map(|(other, _)| other))
    }

    fn nearest(
        &mut self,
        goal: &[(usize, i64)],
        size: usize,
        seed: &[usize],
        movable: &dyn Fn(usize) -> Movable,
    ) -> Vec<usize> {
        self.stamp += 1;
        let stamp = self.stamp;
        let mut queue = BinaryHeap::new();
        for unknown in goal.iter().map(|&(unknown, _)| unknown).chain(seed.iter().copied()) {
            if self.given_by[unknown].is_none() && movable(unknown) != Movable::No {
                self.distance[unknown] = 0;
                self.stamps[unknown] = stamp;
                queue.push(Reverse((0, unknown)));
            }
        }
        let mut members = Vec::new();
        while let Some(Reverse((at, unknown))) = queue.pop() {
            if at > self.distance[unknown] {
                continue;
            }
            members.push(unknown);
            if members.len() >= size {
                break;
            }
            for equation in self.system.equations_of(unknown) {
                // What must move to make up for this one is sooner among few than among many.
                let width = self.system.width(equation);
                let crowd = if self.gives[equation].is_some() { ACROSS } else { width.ilog2() };
                for (other, _) in self.system.equation(equation) {
                    let far = self.stamps[other] != stamp;
                    if (!far && self.distance[other] <= at) || self.given_by[other].is_some() {
                        continue;
                    }
                    let value = self.system.unknowns[other].value;
                    let step = match movable(other) {
                        Movable::No => continue,
                        Movable::Free | Movable::Hidden if value > 0 => 2 + crowd,
                        Movable::Free | Movable::Hidden => 5 + crowd,
                        Movable::Price(_) => 4 + crowd + value.max(1).ilog2(),
                    };
                    if far || at + step < self.distance[other] {
                        self.distance[other] = at + step;
                        self.stamps[other] = stamp;
                        queue.push(Reverse((at + step, other)));
                    }
                }
            }
        }
        members
    }

    fn solve(&mut self, goal: &Goal<'_>, region: &Region, movable: &dyn Fn(usize) -> Movable) -> Option<Witness> {
        for whole in [false, true] {
            // Complements with little room are bounded from the start, the others when a solution goes too far.
            let tight = |guard: &Guard| guard.room < ROOM * goal.change;
            let mut bounded: Vec<bool> = region.guards.iter().map(tight).collect();
            loop {
                let moves = self.program(goal, region, &bounded, movable, whole)?;
                let change =
                    |terms: &[(usize, i64)]| terms.iter().map(|&(position, c)| c * moves[position]).sum::<i64>();
                let mut crossed = false;
                let mut witness: Witness = region.unknowns.iter().copied().zip(moves.iter().copied()).collect();
                for (guard, bounded) in region.guards.iter().zip(&mut bounded) {
                    let change = change(&guard.change);
                    witness.push((guard.unknown, change));
                    crossed |= change < -guard.room && !std::mem::replace(bounded, true);
                }
                if crossed {
                    continue;
                }
                witness.retain(|&(_, change)| change != 0);
                witness.sort_unstable();
                if self.holds(goal, &witness) {
                    return Some(witness);
                }
                // A fractional corner: the same in whole numbers.
                break;
            }
        }
        None
    }

    /// Rounded changes by position.
    fn program(
        &mut self,
        goal: &Goal<'_>,
        region: &Region,
        bounded: &[bool],
        movable: &dyn Fn(usize) -> Movable,
        whole: bool,
    ) -> Option<Vec<i64>> {
        self.programs += 1;
        self.work += region.unknowns.len() * region.unknowns.len() / 400;
        if !whole && region.unknowns.len() <= DENSE {
            return self.small(goal, region, bounded, movable);
        }
        let mut problem = Problem::new(OptimizationDirection::Minimize);
        let add = |&unknown: &usize| self.columns(&mut problem, unknown, movable(unknown), goal.change, whole);
        let columns: Vec<Columns> = region.unknowns.iter().map(add).collect();
        let expression = |terms: &[(usize, i64)]| {
            let mut sum = LinearExpr::empty();
            for &(position, coefficient) in terms {
                for &(column, sign) in &columns[position] {
                    sum.add(column, sign * coefficient as f64);
                }
            }
            sum
        };
        for row in &region.rows {
            problem.add_constraint(expression(row), ComparisonOp::Eq, 0.0);
        }
        for (guard, _) in region.guards.iter().zip(bounded).filter(|&(_, &bounded)| bounded) {
            problem.add_constraint(expression(&guard.change), ComparisonOp::Ge, -guard.room as f64);
        }
        problem.add_constraint(expression(&region.goal), ComparisonOp::Ge, goal.change as f64);
        let mut options = SolveOptions::default();
        options.node_limit = Some(NODE_LIMIT);
        options.mip_gap = if whole { WHOLE_GAP } else { 0.0 };
        let solution = problem.solve_with(options).ok()?.into_solution().ok()?;
        let change =
            |parts: &Columns| -> f64 { parts.iter().map(|&(column, sign)| sign * solution.var_value(column)).sum() };
        Some(columns.iter().map(|parts| change(parts).round() as i64).collect())
    }

    /// The same on a dense tableau.
    fn small(
        &mut self,
        goal: &Goal<'_>,
        region: &Region,
        bounded: &[bool],
        movable: &dyn Fn(usize) -> Movable,
    ) -> Option<Vec<i64>> {
        let mut simplex = std::mem::take(&mut self.simplex);
        simplex.clear();
        let mut columns: Vec<(usize, Option<usize>)> = Vec::with_capacity(region.unknowns.len());
        for &unknown in &region.unknowns {
            let down = self.room(unknown) as f64;
            let (price, fall) = self.prices(unknown, movable(unknown), goal.change, down);
            columns.push(if price == 0.0 {
                (simplex.column(0.0, -down, f64::INFINITY), None)
            } else {
                (simplex.column(price, 0.0, f64::INFINITY), Some(simplex.column(fall, 0.0, down)))
            });
        }
        let guards: Vec<usize> = region
            .guards
            .iter()
            .zip(bounded)
            .filter(|&(_, &bounded)| bounded)
            .map(|(guard, _)| simplex.column(0.0, -guard.room as f64, f64::INFINITY))
            .collect();
        let sum = simplex.column(0.0, 0.0, goal.change as f64);
        fn spread<'c>(
            terms: &'c [(usize, i64)],
            columns: &'c [(usize, Option<usize>)],
        ) -> impl Iterator<Item = (usize, f64)> + 'c {
            terms.iter().flat_map(move |&(position, c)| {
                let (up, down) = columns[position];
                let c = c as f64;
                std::iter::once((up, c)).chain(down.map(move |down| (down, -c)))
            })
        }
        for row in &region.rows {
            simplex.row(spread(row, &columns));
        }
        let bounded_guards = region.guards.iter().zip(bounded).filter(|&(_, &bounded)| bounded);
        for ((guard, _), column) in bounded_guards.zip(guards) {
            simplex.row(spread(&guard.change, &columns).chain(std::iter::once((column, -1.0))));
        }
        simplex.row(spread(&region.goal, &columns).chain(std::iter::once((sum, -1.0))));
        let reached = simplex.solve(sum);
        let change = |&(up, down): &(usize, Option<usize>)| {
            (simplex.value(up) - down.map_or(0.0, |down| simplex.value(down))).round() as i64
        };
        let moves = reached.then(|| columns.iter().map(change).collect());
        self.simplex = simplex;
        moves
    }

    fn prices(&self, unknown: usize, movable: Movable, amount: i64, down: f64) -> (f64, f64) {
        // What a cell costs by the amount that it is likely to move.
        let amount = amount.max(1) as f64;
        match (movable, self.slopes.get(&unknown)) {
            (Movable::No | Movable::Free, _) => (0.0, 0.0),
            (Movable::Hidden, _) => (HIDDEN_PRICE, HIDDEN_PRICE),
            (Movable::Price(_), Some(&slope)) => (slope, slope),
            (Movable::Price(price), None) => (price / amount, price / amount.min(down.max(1.0))),
        }
    }

    /// The columns of one unknown: its change, split into up and down where it has a price.
    fn columns(&self, problem: &mut Problem, unknown: usize, movable: Movable, amount: i64, whole: bool) -> Columns {
        let down = self.room(unknown) as f64;
        let (price, fall) = self.prices(unknown, movable, amount, down);
        let mut add = |price: f64, low: f64, high: f64| match whole {
            // Witnesses move cells by small amounts; these bounds are far outside.
            true => problem.add_integer_var(price, (low.max(-1e9) as i32, high.min(1e9) as i32)),
            false => problem.add_var(price, (low, high)),
        };
        if price == 0.0 {
            vec![(add(0.0, -down, f64::INFINITY), 1.0)]
        } else {
            vec![(add(price, 0.0, f64::INFINITY), 1.0), (add(fall, 0.0, down), -1.0)]
        }
    }

    /// Whether the witness keeps every equation and every bound and reaches the goal, in whole numbers.
    pub(super) fn holds(&self, goal: &Goal<'_>, witness: &Witness) -> bool {
        let change = |unknown: usize| {
            witness.binary_search_by_key(&unknown, |&(moved, _)| moved).map_or(0, |found| witness[found].1)
        };
        if reach(goal.sum, witness) < goal.change || witness.iter().any(|&(one, change)| self.room(one) + change < 0) {
            return false;
        }
        let mut rows: Vec<usize> = witness.iter().flat_map(|&(unknown, _)| self.system.equations_of(unknown)).collect();
        rows.sort_unstable();
        rows.dedup();
        rows.iter().all(|&row| self.system.equation(row).map(|(u, c)| c * change(u)).sum::<i64>() == 0)
    }
}

/// How far an unknown can fall for a reader who knows that one of them is not empty.
fn room(system: &System, not_empty: Option<usize>, unknown: usize) -> i64 {
    let Unknown { value, lower, .. } = system.unknowns[unknown];
    value - if not_empty == Some(unknown) { lower.max(1) } else { lower }
}

/// What a witness hides that was not hidden.
pub(super) fn cost(witness: &Witness, movable: &dyn Fn(usize) -> Movable) -> f64 {
    let prices = witness.iter().map(|&(unknown, _)| match movable(unknown) {
        Movable::Price(price) => price,
        _ => 0.0,
    });
    prices.sum()
}

/// The change of a sum under a witness.
pub(super) fn reach(sum: &[(usize, i64)], witness: &Witness) -> i64 {
    let change = |unknown: usize| {
        witness.binary_search_by_key(&unknown, |&(moved, _)| moved).map_or(0, |found| witness[found].1)
    };
    sum.iter().map(|&(unknown, coefficient)| coefficient * change(unknown)).sum()
}

/// A witness that hides more than this, at the price of the cells, is looked for in larger regions too.
const CHEAP: f64 = 150.0;
/// Regions of at least this size hold the unknowns of a witness that is known, so that they hold one.
const SEEDED: usize = 1000;
/// Programs of up to so many unknowns are solved on a dense tableau.
const DENSE: usize = 450;
/// In systems of up to so many unknowns the better of two regions is taken.
const SMALL: usize = 1500;
/// How often prices are adapted to amounts.
const SLOPES: usize = 2;
/// Complements with less room than this many times the goal are bounded from the start.
const ROOM: i64 = 2;
/// Steps from a measure to another that bounds it.
const ACROSS: u32 = 6;
/// How far from the best a whole-number answer may be.
const WHOLE_GAP: f64 = 0.05;
/// Far below the price of any cell that is still published.
const HIDDEN_PRICE: f64 = 1e-3;
/// Nodes of a whole-number program, so that it ends after the same work on every machine.
const NODE_LIMIT: u64 = 400;
