//! A dual simplex that grows outwards from one figure, for the search's linear programs over the whole system.
//!
//! One figure is moved; the equations that it stands in are broken by that. Each step mends the equation (or the bound)
//! that is broken most by the change that is cheapest at the prices of what has been mended so far, until nothing is
//! broken. Equations that were never broken are never looked at, so the work depends on what the answer moves and not
//! on the size of the system; and since every step keeps the prices consistent, the answer is the cheapest of the
//! whole system. Its answers are proposals: the search rounds them and checks them exactly.
//!
//! # Reference
//! C. E. Lemke, "The dual method of solving the linear programming problem", Naval Research Logistics Quarterly 1
//! (1954); R. Fourer, "Notes on the dual simplex method" (1994): bounds passed in the ratio test.

use super::condense::System;

/// What an unknown may do: the price of a unit up or down, and how far it may go down.
#[derive(Clone, Copy)]
pub(super) struct Terms {
    pub(super) up: f64,
    pub(super) down: f64,
    pub(super) room: f64,
}

/// What came of a program.
pub(super) enum Outcome {
    /// Changes by unknown, the moved figure's own left out.
    Found(Vec<(usize, f64)>),
    /// Nothing can mend what the figure breaks.
    Impossible,
    /// Not solved within the steps allowed.
    Unsolved,
    /// Solved, and not to be made whole.
    Broken,
}

/// An unknown's way up or its way down; each is at least 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Column {
    unknown: usize,
    down: bool,
}

/// What is known of an unknown in the program at hand.
#[derive(Clone, Copy, Default)]
struct State {
    /// The program that this holds for.
    stamp: u32,
    terms: Option<Terms>,
    /// Position among the basic columns, plus 1, of its way up and its way down.
    basic_up: u32,
    basic_down: u32,
    /// As far down as it may go, and not basic.
    sunk: bool,
}

/// The equation or basic column that is broken most.
#[derive(Clone, Copy)]
enum Broken {
    Equation(usize),
    Basic(usize),
    /// A basic column that is to have a certain value.
    Number(usize, f64),
}

/// Sparse rows, one after the other.
#[derive(Default)]
struct Sparse {
    ends: Vec<u32>,
    terms: Vec<(u32, f64)>,
}

impl Sparse {
    fn push(&mut self, terms: impl Iterator<Item = (usize, f64)>) {
        // Tables have far fewer than 2^32 figures.
        self.terms.extend(terms.map(|(at, coefficient)| (at as u32, coefficient)));
        self.ends.push(self.terms.len() as u32);
    }

    fn of(&self, row: usize) -> &[(u32, f64)] {
        let start = row.checked_sub(1).map_or(0, |before| self.ends[before] as usize);
        &self.terms[start..self.ends[row] as usize]
    }
}

/// Scratch space for one program after the other over one system.
#[derive(Default)]
pub(super) struct Dual {
    /// The terms of each equation, and the same by unknown.
    equations: Sparse,
    unknowns: Sparse,
    stamp: u32,
    states: Vec<State>,
    /// Equations in the basis, and the position of each equation there, plus 1.
    rows: Vec<usize>,
    at: Vec<u32>,
    /// By basic column (rows of this) and equation of the basis (columns): the inverse of the basis.
    inverse: Vec<Vec<f64>>,
    basic: Vec<Column>,
    value: Vec<f64>,
    /// Squared lengths of the rows of the inverse.
    length: Vec<f64>,
    /// Price of a unit of each equation of the basis.
    dual: Vec<f64>,
    /// What is missing in equations outside the basis, and which of them were ever broken.
    missing: Vec<f64>,
    touched: Vec<usize>,
    is_touched: Vec<bool>,
    /// Entries of the row at hand by unknown.
    entry: Vec<f64>,
    entries: Vec<usize>,
    has_entry: Vec<bool>,
    /// Unknowns that have been looked at.
    seen: Vec<usize>,
    ways: Vec<Way>,
    /// Changes that are settled.
    fixed: Vec<(usize, f64)>,
    spare: Vec<Vec<f64>>,
    blocked: Vec<usize>,
    /// Multiplications made, a measure of the time spent that is the same on every machine.
    pub(super) work: usize,
}

const EPSILON: f64 = 1e-9;
/// What counts as broken; the figure moves by 1.
const BROKEN: f64 = 1e-7;
/// What counts as not whole.
const WHOLE: f64 = 1e-4;
/// How many numbers may be made whole.
const DIVES: usize = 200;
/// The smallest entry to divide by.
const PIVOT: f64 = 1e-6;

impl Dual {
    pub(super) fn new(system: &System) -> Self {
        let (unknowns, equations) = (system.unknowns.len(), system.equation_count());
        let (mut by_equation, mut by_unknown) = (Sparse::default(), Sparse::default());
        for equation in 0..equations {
            by_equation.push(system.equation(equation).map(|(unknown, coefficient)| (unknown, coefficient as f64)));
        }
        for unknown in 0..unknowns {
            let own = |equation: usize| (equation, system.coefficient(equation, unknown) as f64);
            by_unknown.push(system.equations_of(unknown).map(own));
        }
        Dual {
            equations: by_equation,
            unknowns: by_unknown,
            states: vec![State::default(); unknowns],
            at: vec![0; equations],
            missing: vec![0.0; equations],
            is_touched: vec![false; equations],
            entry: vec![0.0; unknowns],
            has_entry: vec![false; unknowns],
            ..Dual::default()
        }
    }

    /// Moves `figure` by `by` (1 or -1) at the least price of what else moves, in at most `most` steps. Changes times
    /// `unit` are to be whole: what isn't is fixed at the nearest whole number, one after the other.
    pub(super) fn solve(
        &mut self,
        (figure, by): (usize, f64),
        unit: f64,
        most: usize,
        terms: &dyn Fn(usize) -> Option<Terms>,
    ) -> Outcome {
        self.clear();
        self.states[figure] = State { stamp: self.stamp, ..State::default() };
        self.shift(figure, by);
        let mut left = most;
        match self.mend_all(&mut left, terms) {
            Some(true) => {}
            Some(false) => {
                self.block(figure);
                return Outcome::Impossible;
            }
            None => return Outcome::Unsolved,
        }
        for _ in 0..DIVES {
            let Some((position, value)) = self.broken_number(unit) else { return Outcome::Found(self.changes()) };
            if !self.fix(position, value, terms) || self.mend_all(&mut left, terms) != Some(true) {
                break;
            }
        }
        Outcome::Broken
    }

    /// After a program that was impossible: the unknowns that can't be moved and of which one at least would have to.
    pub(super) fn blocked(&self) -> &[usize] {
        &self.blocked
    }

    /// Remembers what would mend what could not be.
    fn block(&mut self, figure: usize) {
        let still = |&&unknown: &&usize| self.states[unknown].terms.is_none() && self.entry[unknown].abs() >= PIVOT;
        self.blocked.extend(self.entries.iter().filter(still).filter(|&&unknown| unknown != figure).copied());
        self.blocked.sort_unstable();
    }

    /// Whether everything could be mended; `None` where the steps did not suffice.
    fn mend_all(&mut self, left: &mut usize, terms: &dyn Fn(usize) -> Option<Terms>) -> Option<bool> {
        while let Some(broken) = self.worst() {
            *left = left.checked_sub(1)?;
            if !self.mend(broken, terms) {
                return Some(false);
            }
        }
        Some(true)
    }

    /// The basic column that is nearest to a whole number without being one, and that number.
    fn broken_number(&self, unit: f64) -> Option<(usize, f64)> {
        let mut nearest = None;
        let mut least = f64::INFINITY;
        for (position, value) in self.value.iter().enumerate() {
            let whole = (value * unit).round();
            let off = (value * unit - whole).abs();
            if off > WHOLE && off < least {
                least = off;
                nearest = Some((position, whole / unit));
            }
        }
        nearest
    }

    /// Takes a basic column to a value and leaves it there.
    fn fix(&mut self, position: usize, value: f64, terms: &dyn Fn(usize) -> Option<Terms>) -> bool {
        let column = self.basic[position];
        let state = self.states[column.unknown];
        let sunk = state.terms.filter(|_| state.sunk).map_or(0.0, |terms| terms.room);
        let fixed = self.mend(Broken::Number(position, value), terms);
        if fixed {
            self.fixed.push((column.unknown, if column.down { -value } else { value } - sunk));
            let state = &mut self.states[column.unknown];
            state.terms = None;
            state.sunk = false;
        }
        fixed
    }

    fn clear(&mut self) {
        self.stamp += 1;
        for equation in self.rows.drain(..) {
            self.at[equation] = 0;
        }
        for equation in self.touched.drain(..) {
            self.is_touched[equation] = false;
            self.missing[equation] = 0.0;
        }
        self.spare.append(&mut self.inverse);
        self.seen.clear();
        self.fixed.clear();
        self.blocked.clear();
        self.basic.clear();
        self.value.clear();
        self.length.clear();
        self.dual.clear();
    }

    /// Takes a change of an unknown into what is missing outside the basis.
    fn shift(&mut self, unknown: usize, by: f64) {
        for &(equation, own) in self.unknowns.of(unknown) {
            let equation = equation as usize;
            if self.at[equation] == 0 {
                self.missing[equation] -= own * by;
                if !std::mem::replace(&mut self.is_touched[equation], true) {
                    self.touched.push(equation);
                }
            }
        }
    }

    fn changes(&self) -> Vec<(usize, f64)> {
        let sunk = self.entries_sunk();
        let basic = self.basic.iter().zip(&self.value);
        let basic = basic.map(|(column, &value)| (column.unknown, if column.down { -value } else { value }));
        sunk.chain(basic).chain(self.fixed.iter().copied()).collect()
    }

    fn entries_sunk(&self) -> impl Iterator<Item = (usize, f64)> + '_ {
        let sunk = self.seen.iter().filter(|&&unknown| self.states[unknown].sunk);
        sunk.filter_map(|&unknown| Some((unknown, -self.states[unknown].terms?.room)))
    }

    fn worst(&self) -> Option<Broken> {
        let mut worst = None;
        let mut most = 0.0;
        for &equation in &self.touched {
            let missing = self.missing[equation].abs();
            if self.at[equation] == 0 && missing > BROKEN && missing * missing > most * self.around(equation) {
                most = missing * missing / self.around(equation);
                worst = Some(Broken::Equation(equation));
            }
        }
        for (position, &value) in self.value.iter().enumerate() {
            let broken = -self.slack(position, value);
            if broken > BROKEN && broken * broken > most * self.length[position] {
                most = broken * broken / self.length[position];
                worst = Some(Broken::Basic(position));
            }
        }
        worst
    }

    /// About the squared length of the row of an equation outside the basis.
    fn around(&self, equation: usize) -> f64 {
        let own = |&(unknown, coefficient): &(u32, f64)| {
            let state = &self.states[unknown as usize];
            let length = |position: u32| match position {
                0 => 0.0,
                position => self.length[position as usize - 1],
            };
            let both = if state.stamp == self.stamp { length(state.basic_up) + length(state.basic_down) } else { 0.0 };
            both * coefficient * coefficient
        };
        1.0 + self.equations.of(equation).iter().map(own).sum::<f64>()
    }

    /// How far a basic column is from its nearer bound; negative beyond it.
    fn slack(&self, position: usize, value: f64) -> f64 {
        let column = self.basic[position];
        match self.states[column.unknown].terms {
            Some(terms) if column.down => value.min(terms.room - value),
            _ => value,
        }
    }

    /// One step; false when nothing can mend it.
    fn mend(&mut self, broken: Broken, terms: &dyn Fn(usize) -> Option<Terms>) -> bool {
        let mut row = self.spare.pop().unwrap_or_default();
        self.row(broken, &mut row);
        // A change of the row's own value that mends it: up or down.
        let (mut lack, up) = match broken {
            Broken::Equation(equation) => (self.missing[equation].abs(), self.missing[equation] > 0.0),
            Broken::Basic(position) => {
                let value = self.value[position];
                (-self.slack(position, value), value > 0.0)
            }
            Broken::Number(position, value) => {
                let over = self.value[position] - value;
                (over.abs(), over > 0.0)
            }
        };
        // Raising a column lowers a basic one by its entry, and fills an equation by it.
        let sign = if up { 1.0 } else { -1.0 };
        let mut ways = std::mem::take(&mut self.ways);
        self.list(&row, broken, sign, terms, &mut ways);
        let mut flips = Vec::new();
        let chosen = loop {
            let Some(next) = cheapest(&ways) else {
                self.spare.push(row);
                self.ways = ways;
                return false;
            };
            let Way { rate, span, .. } = ways[next];
            if !span.is_finite() || lack - rate * span <= BROKEN {
                break next;
            }
            lack -= rate * span;
            flips.push(ways.swap_remove(next).column);
        };
        for column in flips {
            self.flip(column);
        }
        let Way { column, own, .. } = ways[chosen];
        self.ways = ways;
        self.enter(broken, row, column, own);
        true
    }

    /// The row of the inverse that belongs to what is broken: by equations of the basis.
    fn row(&mut self, broken: Broken, row: &mut Vec<f64>) {
        row.clear();
        match broken {
            Broken::Basic(position) | Broken::Number(position, _) => row.extend_from_slice(&self.inverse[position]),
            Broken::Equation(equation) => {
                row.resize(self.rows.len(), 0.0);
                for &(unknown, own) in self.equations.of(equation) {
                    let state = &self.states[unknown as usize];
                    if state.stamp != self.stamp {
                        continue;
                    }
                    for (position, own) in [(state.basic_up, own), (state.basic_down, -own)] {
                        if let Some(position) = (position as usize).checked_sub(1) {
                            for (entry, other) in row.iter_mut().zip(&self.inverse[position]) {
                                *entry -= own * other;
                            }
                            self.work += row.len();
                        }
                    }
                }
            }
        }
    }

    /// The columns that can mend it.
    fn list(
        &mut self,
        row: &[f64],
        broken: Broken,
        sign: f64,
        terms: &dyn Fn(usize) -> Option<Terms>,
        ways: &mut Vec<Way>,
    ) {
        self.entries.clear();
        let own = if let Broken::Equation(equation) = broken { Some((equation, 1.0)) } else { None };
        let rows = self.rows.iter().copied().zip(row.iter().copied());
        for (equation, weight) in rows.filter(|&(_, weight)| weight.abs() > EPSILON).chain(own) {
            for &(unknown, coefficient) in self.equations.of(equation) {
                let unknown = unknown as usize;
                if !std::mem::replace(&mut self.has_entry[unknown], true) {
                    self.entries.push(unknown);
                    self.entry[unknown] = 0.0;
                }
                self.entry[unknown] += weight * coefficient;
            }
            self.work += self.equations.of(equation).len();
        }
        ways.clear();
        for at in 0..self.entries.len() {
            let unknown = self.entries[at];
            self.has_entry[unknown] = false;
            let entry = self.entry[unknown];
            if entry.abs() < PIVOT {
                continue;
            }
            if self.states[unknown].stamp != self.stamp {
                self.states[unknown] = State { stamp: self.stamp, terms: terms(unknown), ..State::default() };
                self.seen.push(unknown);
            }
            let state = self.states[unknown];
            let Some(terms) = state.terms else { continue };
            let price = self.price(unknown);
            // What a step up and a step down cost beyond the prices of the equations.
            let mend = entry * sign;
            if state.basic_up == 0 && mend > 0.0 {
                let column = Column { unknown, down: false };
                let ratio = (terms.up - price).max(0.0) / mend;
                ways.push(Way { column, ratio, rate: mend, span: f64::INFINITY, own: entry });
            }
            if state.basic_down == 0 && terms.room > 0.0 {
                let column = Column { unknown, down: true };
                let left = terms.down + price;
                if !state.sunk && mend < 0.0 {
                    ways.push(Way { column, ratio: left.max(0.0) / -mend, rate: -mend, span: terms.room, own: -entry });
                } else if state.sunk && mend > 0.0 {
                    ways.push(Way {
                        column,
                        ratio: (-left).max(0.0) / mend,
                        rate: mend,
                        span: terms.room,
                        own: -entry,
                    });
                }
            }
        }
    }

    /// Takes a column that isn't basic from one bound to the other.
    fn flip(&mut self, column: Column) {
        let state = &mut self.states[column.unknown];
        let Some(terms) = state.terms else { return };
        let by = if state.sunk { -terms.room } else { terms.room };
        state.sunk = !state.sunk;
        let mut turned = vec![0.0; self.basic.len()];
        self.turned(column, &mut turned);
        self.advance(&turned, by);
        self.shift(column.unknown, -by);
    }

    /// The basic columns' share in a column: how far each falls when it rises by 1.
    fn turned(&mut self, column: Column, turned: &mut [f64]) {
        let sign = if column.down { -1.0 } else { 1.0 };
        for &(equation, own) in self.unknowns.of(column.unknown) {
            if let Some(at) = (self.at[equation as usize] as usize).checked_sub(1) {
                let own = own * sign;
                for (entry, row) in turned.iter_mut().zip(&self.inverse) {
                    *entry += own * row[at];
                }
                self.work += turned.len();
            }
        }
    }

    /// Moves the basic columns as a column that isn't rises.
    fn advance(&mut self, turned: &[f64], by: f64) {
        for (position, &share) in turned.iter().enumerate() {
            if share.abs() > EPSILON {
                self.value[position] -= share * by;
                let column = self.basic[position];
                self.shift(column.unknown, if column.down { share * by } else { -share * by });
            }
        }
    }

    /// Takes a column into the basis for what is broken.
    fn enter(&mut self, broken: Broken, mut row: Vec<f64>, column: Column, own: f64) {
        let mut turned = vec![0.0; self.basic.len()];
        self.turned(column, &mut turned);
        let Some(terms) = self.states[column.unknown].terms else { return };
        let start = if column.down && self.states[column.unknown].sunk { terms.room } else { 0.0 };
        let step = match broken {
            Broken::Equation(equation) => self.missing[equation] / own,
            Broken::Basic(position) => {
                let value = self.value[position];
                let bound = if value < 0.0 { 0.0 } else { self.room(position) };
                (value - bound) / own
            }
            Broken::Number(position, value) => (self.value[position] - value) / own,
        };
        self.advance(&turned, step);
        self.shift(column.unknown, if column.down { -step } else { step });
        // Prices: the new column must pay for itself.
        let price = self.reduced(column, terms) / own;
        for (dual, entry) in self.dual.iter_mut().zip(&row) {
            *dual += price * entry;
        }
        if column.down {
            self.states[column.unknown].sunk = false;
        }
        let place = match broken {
            Broken::Equation(equation) => {
                self.rows.push(equation);
                self.at[equation] = u32::try_from(self.rows.len()).unwrap_or(u32::MAX);
                self.dual.push(price);
                row.push(1.0);
                for other in &mut self.inverse {
                    other.push(0.0);
                }
                None
            }
            Broken::Basic(position) | Broken::Number(position, _) => {
                let out = self.basic[position];
                let state = &mut self.states[out.unknown];
                if out.down {
                    state.sunk = self.value[position] > BROKEN;
                    state.basic_down = 0;
                } else {
                    state.basic_up = 0;
                }
                Some(position)
            }
        };
        let number = u32::try_from(place.unwrap_or(self.basic.len()) + 1).unwrap_or(u32::MAX);
        let state = &mut self.states[column.unknown];
        if column.down {
            state.basic_down = number
        } else {
            state.basic_up = number
        }
        for entry in &mut row {
            *entry /= own;
            if entry.abs() < 1e-12 {
                *entry = 0.0;
            }
        }
        let filled: Vec<usize> = (0..row.len()).filter(|&at| row[at] != 0.0).collect();
        let length: f64 = filled.iter().map(|&at| row[at] * row[at]).sum();
        for (position, other) in self.inverse.iter_mut().enumerate() {
            let share = turned[position];
            if share.abs() > EPSILON && Some(position) != place {
                let mut both = 0.0;
                for &at in &filled {
                    both += other[at] * row[at];
                    other[at] -= share * row[at];
                }
                let after = self.length[position] + share * (share * length - 2.0 * both);
                self.length[position] = after.max(1e-4);
                self.work += filled.len();
            }
        }
        let value = start + step;
        match place {
            None => {
                self.inverse.push(row);
                self.basic.push(column);
                self.value.push(value);
                self.length.push(length);
            }
            Some(position) => {
                let old = std::mem::replace(&mut self.inverse[position], row);
                self.spare.push(old);
                self.basic[position] = column;
                self.value[position] = value;
                self.length[position] = length;
            }
        }
    }

    fn room(&self, position: usize) -> f64 {
        let column = self.basic[position];
        self.states[column.unknown].terms.map_or(f64::INFINITY, |terms| terms.room)
    }

    /// What a unit of an unknown is worth at the prices of its equations.
    fn price(&self, unknown: usize) -> f64 {
        let own = self.unknowns.of(unknown).iter();
        own.map(|&(equation, own)| match self.at[equation as usize] {
            0 => 0.0,
            at => self.dual[at as usize - 1] * own,
        })
        .sum()
    }

    /// What a unit of a column costs beyond the prices of its equations.
    fn reduced(&self, column: Column, terms: Terms) -> f64 {
        let price = self.price(column.unknown);
        if column.down { terms.down + price } else { terms.up - price }
    }
}

/// A column that can mend what is broken.
struct Way {
    column: Column,
    /// What it costs by unit of what is mended.
    ratio: f64,
    /// How much a unit of it mends.
    rate: f64,
    /// How far it can go.
    span: f64,
    /// Its entry in the row.
    own: f64,
}

/// The cheapest way; of those that cost the same the one that mends most, so that numbers stay exact.
fn cheapest(ways: &[Way]) -> Option<usize> {
    let mut least = ways.first()?.ratio;
    let mut found = 0;
    for (at, way) in ways.iter().enumerate().skip(1) {
        if way.ratio < least - EPSILON || (way.ratio <= least + EPSILON && way.rate > ways[found].rate + 1e-3) {
            found = at;
            least = least.min(way.ratio);
        }
    }
    Some(found)
}
