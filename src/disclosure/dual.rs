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

mod over;
mod step;

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
    /// How far it was taken down for good: its ways start there.
    base: f64,
    /// What a unit is worth at the prices of its equations.
    price: f64,
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
    /// The unknown of each equation that stands in no other and may always move, with its coefficient: it makes up for
    /// the others at no price, so that the equation is broken only where that would take it below its bound.
    slack: Vec<Option<(u32, f64)>>,
    /// How far that unknown may go down, for equations that were touched.
    room_of: Vec<f64>,
    stamp: u32,
    states: Vec<State>,
    /// Equations in the basis, and the position of each equation there, plus 1.
    rows: Vec<usize>,
    at: Vec<u32>,
    /// By basic column (rows of this) and equation of the basis (columns): the inverse of the basis.
    inverse: Vec<Vec<f64>>,
    /// The same by columns.
    columns: Vec<Vec<f64>>,
    basic: Vec<Column>,
    value: Vec<f64>,
    /// Squared lengths of the rows of the inverse.
    length: Vec<f64>,
    /// Price of a unit of each equation of the basis.
    dual: Vec<f64>,
    /// What is missing in equations outside the basis, and which of them were ever broken.
    missing: Vec<f64>,
    touched: Vec<usize>,
    /// Equations outside the basis that may be broken.
    doubtful: Vec<usize>,
    is_doubtful: Vec<bool>,
    /// About the squared lengths of their rows when they last changed; 0 where not known.
    weight: Vec<f64>,
    looked_up: usize,
    is_touched: Vec<bool>,
    /// Entries of the row at hand by unknown.
    entry: Vec<f64>,
    entries: Vec<usize>,
    has_entry: Vec<bool>,
    /// Unknowns that have been looked at.
    seen: Vec<usize>,
    ways: Vec<step::Way>,
    /// Changes that are settled.
    fixed: Vec<(usize, f64)>,
    spare: Vec<Vec<f64>>,
    blocked: Vec<usize>,
    /// After a program that was impossible: equations with multipliers whose sum shows it.
    against: Vec<(usize, f64)>,
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
/// Ways that cost by so little more than the cheapest are as good: some times the price of moving what is hidden, and
/// far below that of hiding a cell.
const ABOUT: f64 = 0.05;
/// The smallest entry to divide by.
const PIVOT: f64 = 1e-6;

impl Dual {
    /// `gives` names the unknown of an equation that stands in no other and is not printed.
    pub(super) fn new(system: &System, gives: &[Option<usize>]) -> Self {
        let (unknowns, equations) = (system.unknowns.len(), system.equation_count());
        let (mut by_equation, mut by_unknown) = (Sparse::default(), Sparse::default());
        for equation in 0..equations {
            by_equation.push(system.equation(equation).map(|(unknown, coefficient)| (unknown, coefficient as f64)));
        }
        for unknown in 0..unknowns {
            let own = |equation: usize| (equation, system.coefficient(equation, unknown) as f64);
            by_unknown.push(system.equations_of(unknown).map(own));
        }
        let slack = |(equation, unknown): (usize, &Option<usize>)| {
            unknown.map(|unknown| (unknown as u32, system.coefficient(equation, unknown) as f64))
        };
        Dual {
            slack: gives.iter().enumerate().map(slack).collect(),
            equations: by_equation,
            unknowns: by_unknown,
            states: vec![State::default(); unknowns],
            at: vec![0; equations],
            missing: vec![0.0; equations],
            room_of: vec![0.0; equations],
            is_touched: vec![false; equations],
            is_doubtful: vec![false; equations],
            weight: vec![0.0; equations],
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

    /// After a program that was impossible: equations with multipliers, whose sum is broken whatever moves (Farkas' lemma).
    pub(super) fn against(&self) -> &[(usize, f64)] {
        &self.against
    }

    /// Remembers what would mend what could not be.
    fn block(&mut self, figure: usize) {
        let still = |&&unknown: &&usize| self.states[unknown].terms.is_none() && self.entry[unknown].abs() >= PIVOT;
        self.blocked.extend(self.entries.iter().filter(still).filter(|&&unknown| unknown != figure).copied());
        self.blocked.sort_unstable();
    }

    /// Whether everything could be mended; `None` where the steps did not suffice.
    fn mend_all(&mut self, left: &mut usize, terms: &dyn Fn(usize) -> Option<Terms>) -> Option<bool> {
        loop {
            self.look_up(terms);
            let Some(broken) = self.worst() else { return Some(true) };
            *left = left.checked_sub(1)?;
            if !self.mend(broken, terms) {
                return Some(false);
            }
        }
    }

    /// Notes the room in equations that were touched since.
    fn look_up(&mut self, terms: &dyn Fn(usize) -> Option<Terms>) {
        for at in self.looked_up..self.touched.len() {
            let equation = self.touched[at];
            if let Some((unknown, _)) = self.slack[equation] {
                self.room_of[equation] = terms(unknown as usize).map_or(0.0, |terms| terms.room);
            }
        }
        self.looked_up = self.touched.len();
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
        for equation in self.doubtful.drain(..) {
            self.is_doubtful[equation] = false;
        }
        self.looked_up = 0;
        self.spare.append(&mut self.inverse);
        self.spare.append(&mut self.columns);
        self.seen.clear();
        self.fixed.clear();
        self.blocked.clear();
        self.against.clear();
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
                self.weight[equation] = 0.0;
                if !std::mem::replace(&mut self.is_touched[equation], true) {
                    self.touched.push(equation);
                }
                if !std::mem::replace(&mut self.is_doubtful[equation], true) {
                    self.doubtful.push(equation);
                }
            }
        }
    }

    fn changes(&self) -> Vec<(usize, f64)> {
        let sunk = self.entries_sunk();
        let basic = self.basic.iter().zip(&self.value);
        let basic = basic.map(|(column, &value)| (column.unknown, if column.down { -value } else { value }));
        let based = self.seen.iter().map(|&unknown| (unknown, -self.states[unknown].base));
        let outside = self.touched.iter().filter(|&&equation| self.at[equation] == 0);
        let implied = outside.filter_map(|&equation| {
            let (unknown, own) = self.slack_of(equation)?;
            Some((unknown, self.missing[equation] / own))
        });
        sunk.chain(basic).chain(self.fixed.iter().copied()).chain(based).chain(implied).collect()
    }

    /// The unknown that makes up for what is missing in an equation outside the basis, and its coefficient.
    fn slack_of(&self, equation: usize) -> Option<(usize, f64)> {
        let (unknown, own) = self.slack[equation]?;
        let unknown = unknown as usize;
        // The figure that is moved makes up for nothing.
        (self.states[unknown].stamp != self.stamp).then_some((unknown, own))
    }

    /// What is missing in an equation outside the basis, beyond what its own unknown makes up for.
    fn lacking(&self, equation: usize) -> f64 {
        self.lacking_with(equation, self.missing[equation])
    }

    fn lacking_with(&self, equation: usize, missing: f64) -> f64 {
        match self.slack_of(equation) {
            None => missing,
            Some((_, own)) => (missing * own + self.room_of[equation]).min(0.0) / own,
        }
    }

    fn entries_sunk(&self) -> impl Iterator<Item = (usize, f64)> + '_ {
        let sunk = self.seen.iter().filter(|&&unknown| self.states[unknown].sunk);
        sunk.filter_map(|&unknown| Some((unknown, -self.states[unknown].terms?.room)))
    }

    fn worst(&mut self) -> Option<Broken> {
        let mut worst = None;
        let mut most = 0.0;
        let mut doubtful = std::mem::take(&mut self.doubtful);
        doubtful.retain(|&equation| {
            let missing = if self.at[equation] > 0 { 0.0 } else { self.lacking(equation).abs() };
            self.is_doubtful[equation] = missing > BROKEN;
            if missing <= BROKEN {
                return false;
            }
            if self.weight[equation] == 0.0 {
                self.weight[equation] = self.around(equation);
            }
            if missing * missing > most * self.weight[equation] {
                most = missing * missing / self.weight[equation];
                worst = Some(Broken::Equation(equation));
            }
            true
        });
        self.doubtful = doubtful;
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
}
