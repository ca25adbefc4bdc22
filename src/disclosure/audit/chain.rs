//! Chains of changes: cheap whole-number moves among the open variables.
//!
//! A change of one variable unbalances its equations; each is balanced again by changing another of its variables, the
//! one that unbalances the others least, until nothing is left to balance (an ejection chain: F. Glover, "Ejection
//! chains, reference structures and alternating path methods for traveling salesman problems", Discrete Applied
//! Mathematics 65 (1996)). Exchanges around a rectangle or a box are the short ones. Nothing is believed because a chain
//! closed: the room checks each move again.

use super::open::Open;
use super::room::Move;

/// Changes after which a chain is given up.
const LENGTH: usize = 300;
/// Variables of an equation that are tried.
const BREADTH: usize = 96;

/// Scratch for chains; arrays that need no clearing.
pub(in crate::disclosure) struct Chain {
    stamp: u32,
    variable_stamp: Vec<u32>,
    change: Vec<i64>,
    row_stamp: Vec<u32>,
    lack: Vec<i64>,
    changed: Vec<u32>,
    rows: Vec<u32>,
    /// Sum of what the touched equations lack, now and before the chain.
    now: i64,
    before: i64,
    /// What equations lacked before any change, where the base does not fit yet.
    residuals: Vec<i64>,
    /// Only variables of this depth change, and only equations that go no deeper count; [`ANY`]: all.
    depth: u8,
}

/// No depth in particular.
pub(in crate::disclosure) const ANY: u8 = u8::MAX;

impl Chain {
    pub(in crate::disclosure) fn new(open: &Open) -> Self {
        let (variables, rows) = (open.len(), open.equations.len());
        Chain {
            stamp: 0,
            variable_stamp: vec![0; variables],
            change: vec![0; variables],
            row_stamp: vec![0; rows],
            lack: vec![0; rows],
            changed: Vec::new(),
            rows: Vec::new(),
            now: 0,
            before: 0,
            residuals: Vec::new(),
            depth: ANY,
        }
    }

    /// A move from `values` that changes a variable by `by`, keeping all equations. `done` are changes made before, which
    /// the move includes.
    pub(in crate::disclosure) fn push(
        &mut self,
        open: &Open,
        values: &[i64],
        done: &[(u32, i64)],
        (variable, by): (u32, i64),
        salt: u64,
    ) -> Option<Move> {
        self.begin();
        for &(other, change) in done {
            self.set(other as usize, change);
        }
        let base = values[variable as usize] + self.changed_by(variable as usize) + by;
        if base < open.lower[variable as usize] || base > open.upper[variable as usize] {
            return None;
        }
        let first = self.changed.len();
        let already = self.changed_by(variable as usize);
        self.set(variable as usize, already);
        self.apply(open, variable as usize, by);
        let mut fresh = vec![variable];
        while fresh.len() < LENGTH {
            let Some(row) = self.next_row(open) else { return Some(self.total()) };
            let (next, change) = self.candidate(open, values, row, &fresh, salt)?;
            self.apply(open, next, change);
            fresh.push(next as u32);
        }
        debug_assert!(self.changed.len() >= first);
        None
    }

    /// What equations lack from here on, before any change.
    pub(in crate::disclosure) fn set_residuals(&mut self, residuals: Vec<i64>) {
        self.residuals = residuals;
    }

    /// Restricts changes to variables of a depth.
    pub(in crate::disclosure) fn set_depth(&mut self, depth: u8) {
        self.depth = depth;
    }

    /// What equations lack.
    pub(in crate::disclosure) fn residuals(&self) -> &[i64] {
        &self.residuals
    }

    /// Changes that leave the equations lacking less than before, beginning at one that lacks something. With `wander`
    /// also such as only carry on elsewhere what it lacks, where it may meet its counterpart.
    pub(in crate::disclosure) fn repair(
        &mut self,
        open: &Open,
        values: &[i64],
        row: usize,
        salt: u64,
        wander: bool,
    ) -> Option<Move> {
        let first = row;
        self.begin();
        let mut fresh = Vec::new();
        let mut row = row;
        while fresh.len() < LENGTH {
            let (next, change) = self.candidate(open, values, row, &fresh, salt)?;
            self.apply(open, next, change);
            fresh.push(next as u32);
            if self.now < self.before || (wander && self.now == self.before && self.lack[first] == 0) {
                return Some(self.total());
            }
            row = self.next_row(open)?;
        }
        None
    }

    /// Takes changes into the residuals.
    pub(in crate::disclosure) fn commit(&mut self, open: &Open, change: &[(u32, i64)]) {
        for &(variable, by) in change {
            for (row, c) in open.columns.of(variable as usize) {
                self.residuals[row] -= c * by;
            }
        }
    }

    fn begin(&mut self) {
        self.stamp += 1;
        self.changed.clear();
        self.rows.clear();
        (self.now, self.before) = (0, 0);
    }

    fn changed_by(&self, variable: usize) -> i64 {
        if self.variable_stamp[variable] == self.stamp { self.change[variable] } else { 0 }
    }

    fn lacks(&self, row: usize) -> i64 {
        match self.row_stamp[row] == self.stamp {
            true => self.lack[row],
            false => self.residuals.get(row).copied().unwrap_or(0),
        }
    }

    /// Notes a change that keeps all equations.
    fn set(&mut self, variable: usize, change: i64) {
        if self.variable_stamp[variable] != self.stamp {
            self.variable_stamp[variable] = self.stamp;
            self.changed.push(variable as u32);
        }
        self.change[variable] = change;
    }

    fn apply(&mut self, open: &Open, variable: usize, by: i64) {
        self.set(variable, self.changed_by(variable) + by);
        for (row, c) in open.columns.of(variable) {
            if open.row_depth[row] > self.depth {
                continue;
            }
            let before = self.lacks(row);
            if self.row_stamp[row] != self.stamp {
                self.row_stamp[row] = self.stamp;
                self.rows.push(row as u32);
                self.now += before.abs();
                self.before += before.abs();
            }
            self.lack[row] = before - c * by;
            self.now += self.lack[row].abs() - before.abs();
        }
    }

    /// The narrowest touched equation that is not balanced.
    fn next_row(&mut self, open: &Open) -> Option<usize> {
        let mut best: Option<(usize, usize)> = None;
        for &row in &self.rows {
            let row = row as usize;
            if self.lack[row] != 0 {
                let key = (open.equations.width(row), row);
                best = Some(best.map_or(key, |best| best.min(key)));
            }
        }
        best.map(|(_, row)| row)
    }

    /// The variable of an equation that balances it and unbalances the others least.
    fn candidate(&self, open: &Open, values: &[i64], row: usize, fresh: &[u32], salt: u64) -> Option<(usize, i64)> {
        let lack = self.lacks(row);
        let terms = open.equations.width(row);
        let start = if terms > BREADTH { (mix(row as u64, salt) % terms as u64) as usize } else { 0 };
        let mut best: Option<((i64, u64), usize, i64)> = None;
        let wanted = open.equations.row(row).skip(start).chain(open.equations.row(row).take(start)).take(BREADTH);
        for (variable, c) in wanted {
            if fresh.contains(&(variable as u32)) || (self.depth != ANY && open.depth[variable] != self.depth) {
                continue;
            }
            let value = values[variable] + self.changed_by(variable);
            let by = (lack / c).clamp(open.lower[variable] - value, open.upper[variable] - value);
            if by == 0 {
                continue;
            }
            let cost: i64 = (open.columns.of(variable))
                .filter(|&(other, _)| open.row_depth[other] <= self.depth)
                .map(|(other, c)| {
                    let before = self.lacks(other);
                    (before - c * by).abs() - before.abs()
                })
                .sum();
            // In relation to what the change is worth, so that small changes do not look cheap.
            let key = (cost * 1000 / by.abs(), mix(variable as u64, salt));
            if best.is_none_or(|(least, _, _)| key < least) {
                best = Some((key, variable, by));
            }
        }
        best.map(|(_, variable, by)| (variable, by))
    }

    fn total(&self) -> Move {
        let changes = self.changed.iter().map(|&variable| (variable, self.change[variable as usize]));
        let mut total: Move = changes.filter(|&(_, by)| by != 0).collect();
        total.sort_unstable();
        total
    }
}

/// A number that looks random, the same on every machine (the finaliser of SplitMix64).
pub(in crate::disclosure) fn mix(a: u64, b: u64) -> u64 {
    let mut z = a.wrapping_add(b.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
