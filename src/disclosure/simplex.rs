//! A bounded primal simplex on a dense tableau, for the search's many small programs.
//!
//! A general solver spends its time on what these do not need: they start at a known feasible point (nothing moves),
//! have some hundred columns, coefficients of one, and are solved by the ten thousand. Its answers are proposals: the
//! search rounds them and checks them exactly.
//!
//! # Reference
//! G. B. Dantzig, "Linear Programming and Extensions", Princeton (1963), chapter 18: upper bounds.

/// Moves a sum as far as asked at the least cost: `columns` start at 0, stay within their bounds and keep each row at 0.
#[derive(Default)]
pub(super) struct Simplex {
    width: usize,
    /// Rows of the tableau.
    rows: Vec<Vec<f64>>,
    /// The column that a row gives.
    basic: Vec<usize>,
    /// Whether a row gives the column.
    is_basic: Vec<bool>,
    value: Vec<f64>,
    lower: Vec<f64>,
    upper: Vec<f64>,
    cost: Vec<f64>,
    reduced: Vec<f64>,
    spare: Vec<Vec<f64>>,
    nonzero: Vec<usize>,
    /// The wanted column is priced apart from the others: its own share of the reduced costs.
    wanted: Vec<f64>,
}

const EPSILON: f64 = 1e-9;

impl Simplex {
    /// Begins a program.
    pub(super) fn clear(&mut self) {
        self.spare.append(&mut self.rows);
        for list in [&mut self.value, &mut self.lower, &mut self.upper, &mut self.cost] {
            list.clear();
        }
        self.basic.clear();
        self.is_basic.clear();
        self.width = 0;
    }

    /// Adds a column; gives its number. `lower <= 0 <= upper`.
    pub(super) fn column(&mut self, cost: f64, lower: f64, upper: f64) -> usize {
        self.cost.push(cost);
        self.lower.push(lower);
        self.upper.push(upper);
        self.value.push(0.0);
        self.is_basic.push(false);
        self.width += 1;
        self.width - 1
    }

    /// Adds `sum of coefficient times column = 0`, once all columns are there.
    pub(super) fn row(&mut self, terms: impl Iterator<Item = (usize, f64)>) {
        let mut row = self.spare.pop().unwrap_or_default();
        row.clear();
        row.resize(self.width, 0.0);
        for (column, coefficient) in terms {
            row[column] += coefficient;
        }
        self.rows.push(row);
    }

    /// Raises the column `goal` to its upper bound at the least cost. Whether it got there.
    pub(super) fn solve(&mut self, goal: usize) -> bool {
        self.reduce(goal);
        self.price(goal);
        // First how far it goes at all, then how cheaply.
        self.climb(true);
        if self.value[goal] < self.upper[goal] - 1e-6 {
            return false;
        }
        self.lower[goal] = self.upper[goal];
        self.climb(false);
        true
    }

    fn climb(&mut self, wanted: bool) {
        let mut still = 0;
        for _ in 0..100 + 4 * self.rows.len() {
            let Some((column, up)) = self.entering(wanted, still > 40) else { break };
            still = if self.step(column, up) { 0 } else { still + 1 };
        }
    }

    pub(super) fn value(&self, column: usize) -> f64 {
        self.value[column]
    }

    /// Solves each row for one of its columns.
    fn reduce(&mut self, goal: usize) {
        self.reduced.clear();
        self.wanted.clear();
        let mut done = 0;
        while done < self.rows.len() {
            // A roomy column that costs nothing makes the best start.
            let row = &self.rows[done];
            let mut best: Option<(usize, (bool, bool, f64))> = None;
            for (column, entry) in row.iter().enumerate() {
                if entry.abs() <= 1e-7 || column == goal {
                    continue;
                }
                let key = ((entry.abs() - 1.0).abs() < EPSILON, self.cost[column] == 0.0, -self.lower[column]);
                if best.is_none_or(|(_, other)| key > other) {
                    best = Some((column, key));
                }
            }
            let pivot = best.map(|(column, _)| column).or((row[goal] != 0.0).then_some(goal));
            let Some(pivot) = pivot else {
                let empty = self.rows.swap_remove(done);
                self.spare.push(empty);
                continue;
            };
            self.basic.push(pivot);
            self.is_basic[pivot] = true;
            self.eliminate(done, pivot);
            done += 1;
        }
    }

    /// Scales a row so that it gives the column, and takes the column out of the other rows.
    fn eliminate(&mut self, at: usize, pivot: usize) {
        let mut row = std::mem::take(&mut self.rows[at]);
        let scale = 1.0 / row[pivot];
        self.nonzero.clear();
        for (column, entry) in row.iter_mut().enumerate() {
            if *entry != 0.0 {
                *entry *= scale;
                if entry.abs() < 1e-11 {
                    *entry = 0.0;
                } else {
                    self.nonzero.push(column);
                }
            }
        }
        row[pivot] = 1.0;
        let all = self.rows.iter_mut().chain([&mut self.reduced, &mut self.wanted]);
        for other in all {
            if other.is_empty() || other[pivot] == 0.0 {
                continue;
            }
            let factor = other[pivot];
            for &column in &self.nonzero {
                other[column] -= factor * row[column];
            }
            other[pivot] = 0.0;
        }
        self.rows[at] = row;
    }

    fn price(&mut self, goal: usize) {
        self.reduced.extend_from_slice(&self.cost);
        self.wanted.resize(self.width, 0.0);
        self.wanted[goal] = -1.0;
        for (row, &basic) in self.rows.iter().zip(&self.basic) {
            for list in [&mut self.reduced, &mut self.wanted] {
                let cost = list[basic];
                if cost != 0.0 {
                    for (reduced, entry) in list.iter_mut().zip(row) {
                        *reduced -= cost * entry;
                    }
                    list[basic] = 0.0;
                }
            }
        }
    }

    /// The column that pays most by unit, or the first that pays, and whether it goes up.
    fn entering(&self, wanted: bool, first: bool) -> Option<(usize, bool)> {
        let mut best = None;
        let mut gain = 1e-7;
        for column in 0..self.width {
            let (want, reduced) = (self.wanted[column], self.reduced[column]);
            let pays = if wanted { want } else { reduced };
            if pays.abs() <= 1e-7 || self.is_basic[column] {
                continue;
            }
            let up = pays < 0.0;
            let value = self.value[column];
            if (up && value >= self.upper[column] - EPSILON) || (!up && value <= self.lower[column] + EPSILON) {
                continue;
            }
            // On the way to the goal: what costs least by unit of it.
            let score = if wanted {
                let price = if up { reduced } else { -reduced };
                want.abs() / (price.max(0.0) + 1e-3)
            } else {
                pays.abs()
            };
            if score > gain {
                best = Some((column, up));
                if first {
                    break;
                }
                gain = score;
            }
        }
        best
    }

    /// Moves a column until something stops it; whether it moved at all.
    fn step(&mut self, column: usize, up: bool) -> bool {
        let direction = if up { 1.0 } else { -1.0 };
        let mut length =
            if up { self.upper[column] - self.value[column] } else { self.value[column] - self.lower[column] };
        let mut leaving = None;
        let mut weight = 0.0;
        for (at, row) in self.rows.iter().enumerate() {
            let rate = -row[column] * direction;
            if rate.abs() < 1e-7 {
                continue;
            }
            let basic = self.basic[at];
            let room =
                if rate > 0.0 { self.upper[basic] - self.value[basic] } else { self.value[basic] - self.lower[basic] };
            let ratio = (room / rate.abs()).max(0.0);
            if ratio < length - EPSILON || (ratio <= length + EPSILON && leaving.is_some() && rate.abs() > weight) {
                length = length.min(ratio);
                leaving = Some((at, rate > 0.0));
                weight = rate.abs();
            }
        }
        if !length.is_finite() {
            // Nothing stops it: costs are not negative and the sum is bounded, so this is a rounding accident.
            self.reduced[column] = 0.0;
            self.wanted[column] = 0.0;
            return false;
        }
        if length > 0.0 {
            for (at, row) in self.rows.iter().enumerate() {
                if row[column] != 0.0 {
                    self.value[self.basic[at]] -= row[column] * direction * length;
                }
            }
            self.value[column] += direction * length;
        }
        if let Some((leaving, at_upper)) = leaving {
            let out = self.basic[leaving];
            self.value[out] = if at_upper { self.upper[out] } else { self.lower[out] };
            self.is_basic[out] = false;
            self.is_basic[column] = true;
            self.basic[leaving] = column;
            self.eliminate(leaving, column);
        }
        length > EPSILON
    }
}
