//! A walk along the edges of what is possible: from one whole table that fits to the next, each in the direction of a
//! figure that has not been seen to go far enough.
//!
//! A component's equations are solved once for as many of its variables as they settle. Then a variable's own row says
//! which of the others move it; the one that moves it furthest is changed until something stops it, and what stops it
//! takes its place. Where one figure's way ends the next one's begins, so that a few changes suffice for each, and every
//! table passed may show something of other figures too. Bounds are set apart by random amounts far below a unit, so that
//! there is always some way to go where several are met at once. Nothing is believed because the walk came by: the room
//! checks each table again, in whole numbers.
//!
//! Nothing is known here but what is published, so that the tables say nothing of which figures are small.
//!
//! # Reference
//! G. B. Dantzig, "Linear Programming and Extensions", Princeton (1963), chapters 10 and 18.

use crate::disclosure::audit::parts::{Open, Room, Wants, goals, is_unmet, mix};

/// Entries of a tableau at most: memory.
const LARGEST: usize = 24_000_000;
/// Entries looked at on the way to one figure's goal, in one round over the figures that are left after the other.
const ROUNDS: [usize; 4] = [4_000_000, 10_000_000, 50_000_000, 50_000_000];
/// Entries smaller than this are rounding errors.
const ENTRY: f32 = 1e-4;
/// How far bounds are set apart.
const APART: f64 = 1e-5;
/// How far bounds and rounding errors together may be apart.
const CLOSE: f64 = 0.05;
/// How far values may go from whole numbers by and by.
const ASTRAY: f64 = 0.03;
/// Rows are full when they hold so many times what they held first.
const FULL: usize = 4;
/// Ways that are compared.
const WAYS: usize = 32;
/// How far from a whole number a value may be.
const WHOLE: f64 = 0.2;
/// A change of a table by more variables than this is kept as a table itself.
const FAR: usize = 400;

/// Where a variable stands.
#[derive(Clone, Copy)]
enum Place {
    /// Given by a row.
    Row(usize),
    /// Free to choose: a column.
    Column(usize),
}

/// How a way ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Reached,
    /// It cannot be reached.
    Top,
    /// It was too long, or not to be gone in whole numbers.
    Lost,
}

/// A component's equations, solved for some of its variables, and a point that fits them.
struct Walk {
    /// The component's variables.
    variables: Vec<u32>,
    lower: Vec<f64>,
    upper: Vec<f64>,
    value: Vec<f64>,
    place: Vec<Place>,
    /// By row: the variable that it gives.
    given: Vec<usize>,
    /// By column: the variable, and by row how far that which is given falls when it rises by 1.
    free: Vec<usize>,
    columns: Vec<Vec<(u32, f32)>>,
    /// The rows as they were solved first, and how many entries there were in them.
    first: Solved,
    filled: usize,
    /// Entries looked at, a measure of the time spent that is the same on every machine.
    work: usize,
    /// Ways that were chosen, for where to begin.
    turn: u64,
}

/// Which variables rows give, and the columns of the others.
#[derive(Clone)]
struct Solved {
    place: Vec<Place>,
    given: Vec<usize>,
    free: Vec<usize>,
    columns: Vec<Vec<(u32, f32)>>,
}

/// A change of a free variable.
struct Edge {
    column: usize,
    up: bool,
    length: f64,
    /// The row that stops it.
    stop: Option<usize>,
}

/// Whether every component is small enough.
pub(super) fn is_small(open: &Open) -> bool {
    // Components have about as many equations as variables.
    open.components.iter().all(|component| component.len().saturating_pow(2) <= LARGEST)
}

/// Walks through every component that is not too large, within `work`; gives the variables that cannot get to their goals.
pub(super) fn walk(room: &mut Room<'_>, wants: &Wants, work: usize, step: &mut dyn FnMut(usize, usize)) -> Vec<u32> {
    let open = room.open;
    let mut hopeless = Vec::new();
    let mut left = work;
    let parts: Vec<usize> = (0..open.components.len()).filter(|&number| room.anchored[number]).collect();
    for (done, &number) in parts.iter().enumerate() {
        let component = &open.components[number];
        if !component.iter().any(|&variable| is_unmet(room, wants, variable)) {
            continue;
        }
        step(done, parts.len());
        let Some(mut walk) = Walk::new(open, room.base(), component) else { continue };
        // What is left is shared among the components by their size.
        let rest: usize = parts[done..].iter().map(|&number| open.components[number].len()).sum();
        let share = (left as f64 * component.len() as f64 / rest as f64) as usize;
        hopeless.extend(walk.tour(room, wants, share));
        left = left.saturating_sub(walk.work);
    }
    hopeless
}

impl Walk {
    fn new(open: &Open, values: &[i64], component: &[u32]) -> Option<Self> {
        let local = |variable: u32| component.binary_search(&variable).ok();
        let mut rows: Vec<usize> =
            (component.iter()).flat_map(|&variable| open.columns.of(variable as usize).map(|(row, _)| row)).collect();
        rows.sort_unstable();
        rows.dedup();
        let width = component.len();
        if rows.len() * width > LARGEST {
            return None;
        }
        rows.sort_by_key(|&row| (open.equations.width(row), row));
        let mut matrix: Vec<Vec<f32>> = Vec::with_capacity(rows.len());
        for &row in &rows {
            let mut terms = vec![0.0; width];
            for (variable, c) in open.equations.row(row) {
                terms[local(variable as u32)?] = c as f32;
            }
            matrix.push(terms);
        }
        let count = |variable: &u32| open.columns.of(*variable as usize).count();
        let counts: Vec<usize> = component.iter().map(count).collect();
        let (given, work) = solved(&mut matrix, &counts);
        let mut place = vec![Place::Row(0); width];
        let mut is_given = vec![false; width];
        for (row, &variable) in given.iter().enumerate() {
            place[variable] = Place::Row(row);
            is_given[variable] = true;
        }
        let free: Vec<usize> = (0..width).filter(|&variable| !is_given[variable]).collect();
        let column = |&variable: &usize| {
            let entries = matrix.iter().enumerate().map(|(row, entries)| (row as u32, entries[variable]));
            entries.filter(|&(_, entry)| entry != 0.0).collect()
        };
        let columns: Vec<Vec<(u32, f32)>> = free.iter().map(column).collect();
        for (column, &variable) in free.iter().enumerate() {
            place[variable] = Place::Column(column);
        }
        let apart = |variable: u32, salt: u64| {
            APART * (0.5 + (mix(u64::from(variable), salt) >> 40) as f64 / (1_u64 << 25) as f64)
        };
        let bound = |bound: i64| {
            if bound.unsigned_abs() >= 1 << 50 { f64::INFINITY.copysign(bound as f64) } else { bound as f64 }
        };
        let lower = component.iter().map(|&v| bound(open.lower[v as usize]) - apart(v, 1)).collect();
        let upper = component.iter().map(|&v| bound(open.upper[v as usize]) + apart(v, 2)).collect();
        let value = component.iter().map(|&v| values[v as usize] as f64).collect();
        let filled = columns.iter().map(Vec::len).sum();
        let first = Solved { place, given, free, columns };
        let Solved { place, given, free, columns } = first.clone();
        let variables = component.to_vec();
        Some(Walk { variables, lower, upper, value, place, given, free, columns, first, filled, work, turn: 0 })
    }

    /// Goes from figure to figure, to the nearest first; gives those that cannot get there.
    fn tour(&mut self, room: &mut Room<'_>, wants: &Wants, work: usize) -> Vec<u32> {
        let mut anchor = 0;
        let mut hopeless = Vec::new();
        let mut whole = self.value.clone();
        for (round, most) in ROUNDS.into_iter().enumerate() {
            let mut left: Vec<usize> =
                (0..self.variables.len()).filter(|&at| is_unmet(room, wants, self.variables[at])).collect();
            left.retain(|&at| !hopeless.contains(&self.variables[at]));
            loop {
                left.retain(|&at| is_unmet(room, wants, self.variables[at]));
                let goal = |at: usize| {
                    let variable = self.variables[at];
                    let goals = wants[variable as usize].map(|need| goals(room, &need, variable)).unwrap_or_default();
                    goals.get(round % goals.len().max(1)).map(|&goal| (goal, goals.len()))
                };
                let nearest = (left.iter().enumerate())
                    .filter_map(|(number, &at)| {
                        let (goal, ways) = goal(at)?;
                        Some(((goal - self.value[at].round() as i64).abs(), number, goal, ways))
                    })
                    .min();
                let Some((_, number, goal, ways)) = nearest else { break };
                let at = left.swap_remove(number);
                self.refresh();
                match self.go((at, goal), most, room, wants, &mut anchor, &mut whole) {
                    // Where another goal would do, that may be within reach.
                    End::Top if ways == 1 => hopeless.push(self.variables[at]),
                    End::Reached if self.value == whole && is_unmet(room, wants, self.variables[at]) => left.push(at),
                    _ => {}
                }
                // From where it got, if that is whole.
                if self.is_whole() {
                    self.straighten();
                    whole.clone_from(&self.value);
                } else {
                    self.value.clone_from(&whole);
                }
                if self.work > work {
                    return hopeless;
                }
            }
        }
        hopeless
    }

    /// Moves a variable to a goal, and shows the room what comes by.
    fn go(
        &mut self,
        (at, goal): (usize, i64),
        most: usize,
        room: &mut Room<'_>,
        wants: &Wants,
        anchor: &mut u32,
        whole: &mut Vec<f64>,
    ) -> End {
        let up = goal as f64 > self.value[at];
        let end = self.work + most;
        let unmet: Vec<usize> =
            (0..self.variables.len()).filter(|&at| is_unmet(room, wants, self.variables[at])).collect();
        self.work += self.variables.len();
        if (goal as f64 - self.value[at]).abs() < CLOSE {
            return if self.show(room, anchor) { End::Reached } else { End::Lost };
        }
        while self.work < end {
            let left = (goal as f64 - self.value[at]).abs();
            let edge = match self.edge(at, up, left) {
                Ok(edge) => edge,
                Err(end) => return end,
            };
            self.follow(&edge);
            let after = if up { goal as f64 - self.value[at] } else { self.value[at] - goal as f64 };
            let there = after < CLOSE;
            let shows = |&at: &usize| {
                let variable = self.variables[at];
                let (low, high) = room.seen[variable as usize];
                let value = self.value[at].round() as i64;
                (value < low || value > high)
                    && wants[variable as usize]
                        .is_some_and(|need| !need.is_met(low, high) && need.is_met(low.min(value), high.max(value)))
            };
            if (there || unmet.iter().any(shows)) && self.show(room, anchor) {
                self.straighten();
                whole.clone_from(&self.value);
            }
            if there {
                return End::Reached;
            }
        }
        End::Lost
    }

    /// Takes a whole point's values to whole numbers, once they are too far from them.
    fn straighten(&mut self) {
        if self.value.iter().any(|value| (value - value.round()).abs() > ASTRAY) {
            self.value.iter_mut().for_each(|value| *value = value.round());
        }
    }

    fn is_whole(&self) -> bool {
        self.value.iter().all(|value| (value - value.round()).abs() < WHOLE)
    }

    /// Keeps the point as a change of a table, or as a table; false where it is not whole.
    fn show(&self, room: &mut Room<'_>, anchor: &mut u32) -> bool {
        if !self.is_whole() {
            return false;
        }
        let values = &room.tables[*anchor as usize];
        let change: Vec<(u32, i64)> = (self.variables.iter().zip(&self.value))
            .map(|(&variable, value)| (variable, value.round() as i64 - values[variable as usize]))
            .filter(|&(_, by)| by != 0)
            .collect();
        if change.len() > FAR {
            let mut all = values.clone();
            for &(variable, by) in &change {
                all[variable as usize] += by;
            }
            if room.learn_table(all) {
                *anchor = room.tables.len() as u32 - 1;
                return true;
            }
        }
        room.learn(*anchor, change)
    }

    /// The change of one free variable that moves a variable furthest, up to `left`, of the first few that do.
    fn edge(&mut self, at: usize, up: bool, left: f64) -> Result<Edge, End> {
        let row = match self.place[at] {
            Place::Column(column) => {
                let Some((length, stop)) = self.length(column, up)? else { return Err(End::Top) };
                let stop = stop.filter(|_| length < left);
                return Ok(Edge { column, up, length: length.min(left), stop });
            }
            Place::Row(row) => row,
        };
        let mut best: Option<(f64, Edge)> = None;
        let (mut ways, mut end) = (0, End::Top);
        let count = self.columns.len();
        if count == 0 {
            return Err(End::Top);
        }
        self.work += count;
        self.turn += 1;
        let start = (mix(self.turn, 3) % count as u64) as usize;
        for column in (start..count).chain(0..start) {
            let Some(entry) = self.entry(column, row) else { continue };
            let rises = (entry < 0.0) == up;
            let (length, stop) = match self.length(column, rises) {
                Ok(Some(found)) => found,
                Ok(None) => continue,
                Err(lost) => {
                    end = lost;
                    continue;
                }
            };
            let gain = length * entry.abs();
            if best.as_ref().is_none_or(|(most, _)| gain > *most) {
                let enough = (left / entry.abs() - CLOSE).ceil();
                let stop = stop.filter(|_| enough > length + CLOSE);
                let edge = Edge { column, up: rises, length: length.min(enough), stop };
                best = Some((gain, edge));
                if gain >= left {
                    break;
                }
            }
            ways += if gain > CLOSE { 4 } else { 1 };
            if ways >= WAYS {
                break;
            }
        }
        best.map(|(_, edge)| edge).ok_or(end)
    }

    /// How far a free variable can go in whole numbers, and the row that stops it, where that may take its place; nothing
    /// where its own bound leaves it no way, [`End::Lost`] where only whole numbers do.
    fn length(&mut self, column: usize, up: bool) -> Result<Option<(f64, Option<usize>)>, End> {
        let variable = self.free[column];
        let value = self.value[variable];
        let mut length = if up { self.upper[variable] - value } else { value - self.lower[variable] };
        if length <= 1e-9 {
            return Ok(None);
        }
        let mut stop = None;
        self.work += self.columns[column].len();
        for &(row, entry) in &self.columns[column] {
            let other = self.given[row as usize];
            let room = if (entry > 0.0) == up {
                self.value[other] - self.lower[other]
            } else {
                self.upper[other] - self.value[other]
            };
            let most = room.max(0.0) / f64::from(entry.abs());
            if most < length {
                length = most;
                stop = Some((row as usize, entry));
            }
        }
        match stop {
            // Only where it divides by 1 do all entries stay whole.
            Some((_, entry)) if (entry.abs() - 1.0).abs() > ENTRY => {
                let length = (length + CLOSE).floor();
                if length < 1.0 { Err(End::Lost) } else { Ok(Some((length, None))) }
            }
            _ => Ok(Some((length, stop.map(|(row, _)| row)))),
        }
    }

    fn follow(&mut self, edge: &Edge) {
        let by = if edge.up { edge.length } else { -edge.length };
        self.value[self.free[edge.column]] += by;
        for &(row, entry) in &self.columns[edge.column] {
            self.value[self.given[row as usize]] -= f64::from(entry) * by;
        }
        if let Some(row) = edge.stop {
            self.pivot(row, edge.column);
        }
    }

    fn entry(&self, column: usize, row: usize) -> Option<f64> {
        let column = &self.columns[column];
        column.binary_search_by_key(&(row as u32), |&(row, _)| row).ok().map(|at| f64::from(column[at].1))
    }

    /// Gives a free variable by a row from now on, and frees what the row gave.
    fn pivot(&mut self, row: usize, column: usize) {
        let mut turned = std::mem::take(&mut self.columns[column]);
        let Ok(at) = turned.binary_search_by_key(&(row as u32), |&(row, _)| row) else { return };
        let own = turned[at].1;
        turned[at].1 = 0.0;
        let mut merged = Vec::new();
        for other in &mut self.columns {
            let Ok(at) = other.binary_search_by_key(&(row as u32), |&(row, _)| row) else { continue };
            let share = other[at].1 / own;
            other[at].1 = share;
            subtract(other, &turned, share, &mut merged);
            std::mem::swap(other, &mut merged);
            self.work += 2 * other.len();
        }
        for (_, entry) in &mut turned {
            *entry /= -own;
        }
        turned[at].1 = 1.0 / own;
        self.columns[column] = turned;
        let (freed, taken) = (self.given[row], self.free[column]);
        self.given[row] = taken;
        self.free[column] = freed;
        self.place[taken] = Place::Row(row);
        self.place[freed] = Place::Column(column);
        self.work += self.columns.len();
    }

    /// Begins again with the rows as they were solved first, at the same point, once they are too full.
    fn refresh(&mut self) {
        let filled: usize = self.columns.iter().map(Vec::len).sum();
        if filled <= FULL * self.filled {
            return;
        }
        let Solved { place, given, free, columns } = self.first.clone();
        (self.place, self.given, self.free, self.columns) = (place, given, free, columns);
        self.work += 2 * self.filled;
    }
}

/// `column` less `share` times `other`, by row.
fn subtract(column: &[(u32, f32)], other: &[(u32, f32)], share: f32, merged: &mut Vec<(u32, f32)>) {
    merged.clear();
    let (mut at, mut from) = (0, 0);
    while at < column.len() || from < other.len() {
        let own = column.get(at).map_or(u32::MAX, |&(row, _)| row);
        let its = other.get(from).map_or(u32::MAX, |&(row, _)| row);
        let row = own.min(its);
        let mut entry = 0.0;
        if own == row {
            entry = column[at].1;
            at += 1;
        }
        if its == row {
            entry -= share * other[from].1;
            from += 1;
        }
        if entry.abs() >= ENTRY {
            merged.push((row, entry));
        }
    }
}

/// Solves rows for a variable each, one that stands in few rows; rows that say nothing more are left out. Gives the
/// variables by row, and the work.
fn solved(matrix: &mut Vec<Vec<f32>>, counts: &[usize]) -> (Vec<usize>, usize) {
    let mut given = Vec::new();
    let mut work = 0;
    let mut at = 0;
    while at < matrix.len() {
        let row = &matrix[at];
        let key = |&variable: &usize| ((row[variable].abs() - 1.0).abs() > ENTRY, counts[variable], variable);
        let pivot = (0..row.len()).filter(|&variable| row[variable] != 0.0).min_by_key(key);
        let Some(pivot) = pivot else {
            matrix.remove(at);
            continue;
        };
        let mut row = std::mem::take(&mut matrix[at]);
        let own = row[pivot];
        row.iter_mut().for_each(|entry| *entry /= own);
        let filled: Vec<(usize, f32)> = row.iter().copied().enumerate().filter(|&(_, entry)| entry != 0.0).collect();
        for other in matrix.iter_mut().filter(|other| !other.is_empty()) {
            let share = other[pivot];
            if share == 0.0 {
                continue;
            }
            for &(variable, entry) in &filled {
                let after = other[variable] - share * entry;
                other[variable] = if after.abs() < ENTRY { 0.0 } else { after };
            }
            other[pivot] = 0.0;
            work += 2 * filled.len();
        }
        work += row.len() + matrix.len();
        matrix[at] = row;
        given.push(pivot);
        at += 1;
    }
    (given, work)
}
