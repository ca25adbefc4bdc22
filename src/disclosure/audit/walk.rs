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
//! Nothing is known here but what is published, so that the tables may stand in a certificate: they say nothing of which
//! figures are small.
//!
//! # Reference
//! G. B. Dantzig, "Linear Programming and Extensions", Princeton (1963), chapters 10 and 18.

use super::chain::mix;
use super::open::Open;
use super::room::Room;
use super::witness::{Wants, goals, is_unmet};

/// Entries of a solved component at most: memory.
const LARGEST: usize = 6_000_000;
/// How many rounds over the figures that are left, and entries looked at on the way to one figure's goal.
const ROUNDS: [(usize, usize); 4] = [(2, 4_000_000), (6, 10_000_000), (10, 20_000_000), (6, 50_000_000)];
/// From this round on each figure's way begins at a table that is taken at random, with the rows as they were first.
const ANEW: usize = 4;
/// The same, in times the entries that the component holds: a small one is soon known.
const OFTEN: usize = 2000;
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
    /// By row: the columns that have an entry in it, or once had, some twice.
    entered: Vec<Vec<u32>>,
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
    entered: Vec<Vec<u32>>,
}

/// A change of a free variable.
struct Edge {
    column: usize,
    up: bool,
    length: f64,
    /// The row that stops it.
    stop: Option<usize>,
}

/// What came of walks.
#[derive(Default)]
pub(in crate::disclosure) struct Walked {
    /// Variables that cannot get to their goals, sorted.
    pub(in crate::disclosure) hopeless: Vec<u32>,
    /// Variables of components that are too large to be walked through.
    pub(in crate::disclosure) missed: usize,
}

/// Walks through every component that is not too large, within `work`.
pub(in crate::disclosure) fn walk(
    room: &mut Room<'_>,
    wants: &Wants,
    work: usize,
    step: &mut dyn FnMut(usize, usize),
) -> Walked {
    let open = room.open;
    let mut walked = Walked::default();
    let mut left = work;
    let parts: Vec<usize> = (0..open.components.len()).filter(|&number| room.anchored[number]).collect();
    for (done, &number) in parts.iter().enumerate() {
        let component = &open.components[number];
        if !component.iter().any(|&variable| is_unmet(room, wants, variable)) {
            continue;
        }
        step(done, parts.len());
        let Some(mut walk) = Walk::new(open, room.base(), component) else {
            walked.missed += component.len();
            continue;
        };
        // What is left is shared among the components by their size.
        let rest: usize = parts[done..].iter().map(|&number| open.components[number].len()).sum();
        let share = (left as f64 * component.len() as f64 / rest as f64) as usize;
        walked.hopeless.extend(walk.tour(room, wants, share));
        left = left.saturating_sub(walk.work);
    }
    walked.hopeless.sort_unstable();
    walked
}

impl Walk {
    fn new(open: &Open, values: &[i64], component: &[u32]) -> Option<Self> {
        let local = |variable: u32| component.binary_search(&variable).ok();
        let mut rows: Vec<usize> =
            (component.iter()).flat_map(|&variable| open.columns.of(variable as usize).map(|(row, _)| row)).collect();
        rows.sort_unstable();
        rows.dedup();
        let width = component.len();
        rows.sort_by_key(|&row| (open.equations.width(row), row));
        let mut matrix: Vec<Vec<(u32, f32)>> = Vec::with_capacity(rows.len());
        for &row in &rows {
            let terms = open.equations.row(row).map(|(variable, c)| Some((local(variable as u32)? as u32, c as f32)));
            let mut terms = terms.collect::<Option<Vec<(u32, f32)>>>()?;
            terms.sort_unstable_by_key(|&(variable, _)| variable);
            matrix.push(terms);
        }
        let (given, work) = solved(&mut matrix, width)?;
        let mut place = vec![Place::Row(0); width];
        let mut is_given = vec![false; width];
        for (row, &variable) in given.iter().enumerate() {
            place[variable] = Place::Row(row);
            is_given[variable] = true;
        }
        let free: Vec<usize> = (0..width).filter(|&variable| !is_given[variable]).collect();
        for (column, &variable) in free.iter().enumerate() {
            place[variable] = Place::Column(column);
        }
        let mut columns: Vec<Vec<(u32, f32)>> = vec![Vec::new(); free.len()];
        for (row, entries) in matrix.iter().enumerate() {
            for &(variable, entry) in entries {
                if let Place::Column(column) = place[variable as usize] {
                    columns[column].push((row as u32, entry));
                }
            }
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
        let mut entered: Vec<Vec<u32>> = vec![Vec::new(); given.len()];
        for (column, entries) in columns.iter().enumerate() {
            entries.iter().for_each(|&(row, _)| entered[row as usize].push(column as u32));
        }
        let first = Solved { place, given, free, columns, entered };
        let Solved { place, given, free, columns, entered } = first.clone();
        let variables = component.to_vec();
        Some(Walk {
            variables,
            lower,
            upper,
            value,
            place,
            given,
            free,
            columns,
            entered,
            first,
            filled,
            work,
            turn: 0,
        })
    }

    /// Goes from figure to figure, to the nearest first; gives those that cannot get there.
    fn tour(&mut self, room: &mut Room<'_>, wants: &Wants, work: usize) -> Vec<u32> {
        let mut anchor = 0;
        let mut hopeless = Vec::new();
        let mut whole = self.value.clone();
        let rounds = ROUNDS.into_iter().flat_map(|(times, most)| std::iter::repeat_n(most, times));
        for (round, most) in rounds.enumerate() {
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
                if round >= ANEW {
                    anchor = self.begin_anew(room);
                    whole.clone_from(&self.value);
                } else if self.columns.iter().map(Vec::len).sum::<usize>() > FULL * self.filled {
                    self.refresh();
                }
                let up = goal as f64 > self.value[at];
                let most = most.min(OFTEN * self.filled);
                match self.go((at, goal), most, room, wants, &mut anchor, &mut whole) {
                    // Where another goal would do, that may be within reach.
                    End::Top if ways == 1 && self.falls_short(at, up, wants) => hopeless.push(self.variables[at]),
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
                Err(end) => {
                    if end == End::Top && self.show(room, anchor) {
                        self.straighten();
                        whole.clone_from(&self.value);
                    }
                    return end;
                }
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

    /// Whether what is wanted lies beyond where a variable stands.
    fn falls_short(&self, at: usize, up: bool, wants: &Wants) -> bool {
        let Some(need) = wants[self.variables[at] as usize] else { return false };
        match up {
            true => self.value[at] + CLOSE < need.upper as f64,
            false => self.value[at] - CLOSE > need.lower as f64,
        }
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
        let entered = std::mem::take(&mut self.entered[row]);
        self.work += entered.len();
        if entered.is_empty() {
            return Err(End::Top);
        }
        self.turn += 1;
        let start = (mix(self.turn, 3) % entered.len() as u64) as usize;
        for &column in entered[start..].iter().chain(&entered[..start]) {
            let column = column as usize;
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
        self.entered[row] = entered;
        best.map(|(_, edge)| edge).ok_or(end)
    }

    /// Takes the columns that have an entry in a row, in order.
    fn entered(&mut self, row: usize) -> Vec<u32> {
        let mut entered = std::mem::take(&mut self.entered[row]);
        self.work += entered.len();
        entered.sort_unstable();
        entered.dedup();
        entered.retain(|&column| self.entry(column as usize, row).is_some());
        entered
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
        let entered = self.entered(row);
        let mut turned = std::mem::take(&mut self.columns[column]);
        let Ok(at) = turned.binary_search_by_key(&(row as u32), |&(row, _)| row) else { return };
        let own = turned[at].1;
        turned[at].1 = 0.0;
        let mut merged = Vec::new();
        for &number in entered.iter().filter(|&&number| number as usize != column) {
            let other = &mut self.columns[number as usize];
            let Ok(at) = other.binary_search_by_key(&(row as u32), |&(row, _)| row) else { continue };
            let share = other[at].1 / own;
            other[at].1 = share;
            subtract(other, &turned, share, &mut merged);
            std::mem::swap(other, &mut merged);
            self.work += 2 * other.len();
            // What stands in the other now and did not before.
            let mut before = merged.iter().map(|&(row, _)| row).peekable();
            for &(row, _) in other.iter() {
                while before.next_if(|&before| before < row).is_some() {}
                if before.peek() != Some(&row) {
                    self.entered[row as usize].push(number);
                }
            }
        }
        self.entered[row] = entered;
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
    }

    /// Goes to one of the tables, with the rows as they were solved first; gives the table.
    fn begin_anew(&mut self, room: &Room<'_>) -> u32 {
        self.turn += 1;
        let number = mix(self.turn, 5) % room.tables.len() as u64;
        let values = &room.tables[number as usize];
        self.value.iter_mut().zip(&self.variables).for_each(|(value, &at)| *value = values[at as usize] as f64);
        self.refresh();
        number as u32
    }

    /// Begins again with the rows as they were solved first, at the same point.
    fn refresh(&mut self) {
        let Solved { place, given, free, columns, entered } = self.first.clone();
        (self.place, self.given, self.free, self.columns, self.entered) = (place, given, free, columns, entered);
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
/// variables by row, and the work; nothing where the rows fill too much.
fn solved(matrix: &mut Vec<Vec<(u32, f32)>>, width: usize) -> Option<(Vec<usize>, usize)> {
    // The rows in which a variable stands, or once stood.
    let mut rows_of: Vec<Vec<u32>> = vec![Vec::new(); width];
    for (row, entries) in matrix.iter().enumerate() {
        entries.iter().for_each(|&(variable, _)| rows_of[variable as usize].push(row as u32));
    }
    let counts: Vec<usize> = rows_of.iter().map(Vec::len).collect();
    let mut filled: usize = counts.iter().sum();
    let mut given = Vec::new();
    let mut work = 0;
    let mut merged = Vec::new();
    for at in 0..matrix.len() {
        let key = |&&(variable, entry): &&(u32, f32)| {
            ((entry.abs() - 1.0).abs() > ENTRY, counts[variable as usize], variable)
        };
        let Some(&(pivot, own)) = matrix[at].iter().min_by_key(key) else { continue };
        let mut row = std::mem::take(&mut matrix[at]);
        row.iter_mut().for_each(|(_, entry)| *entry /= own);
        for other in std::mem::take(&mut rows_of[pivot as usize]) {
            let entries = &mut matrix[other as usize];
            let Ok(place) = entries.binary_search_by_key(&pivot, |&(variable, _)| variable) else { continue };
            let share = entries[place].1;
            let before = entries.len();
            subtract(entries, &row, share, &mut merged);
            merged.retain(|&(variable, _)| variable != pivot);
            std::mem::swap(entries, &mut merged);
            filled = filled + entries.len() - before;
            work += before + row.len();
            for &(variable, _) in &row {
                if variable != pivot {
                    rows_of[variable as usize].push(other);
                }
            }
        }
        if filled > LARGEST {
            return None;
        }
        work += row.len();
        matrix[at] = row;
        given.push((at, pivot as usize));
    }
    *matrix = given.iter().map(|&(at, _)| std::mem::take(&mut matrix[at])).collect();
    Some((given.into_iter().map(|(_, pivot)| pivot).collect(), work))
}
