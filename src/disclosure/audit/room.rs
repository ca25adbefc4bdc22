//! What has been seen of each variable: a whole-number assignment that fits, and differences from it that fit.

use super::bounds::Side;
use super::open::Open;
use super::prove::Proof;

/// A difference from the base: variables, sorted, and by how much each changes; none by nothing.
pub(in crate::disclosure) type Move = Vec<(u32, i64)>;

/// Scratch of one thread: sums by equation and marks by variable that need no clearing.
pub(in crate::disclosure) struct Tally {
    stamp: u32,
    row_stamp: Vec<u32>,
    row_sum: Vec<i128>,
    rows: Vec<u32>,
}

impl Tally {
    pub(in crate::disclosure) fn new(open: &Open) -> Self {
        let rows = open.equations.len();
        Tally { stamp: 0, row_stamp: vec![0; rows], row_sum: vec![0; rows], rows: Vec::new() }
    }

    /// What a change does to the equations that it touches: those whose sum is not 0.
    pub(in crate::disclosure) fn imbalance(&mut self, open: &Open, change: &[(u32, i64)]) -> Vec<(u32, i128)> {
        self.stamp += 1;
        self.rows.clear();
        for &(variable, by) in change {
            for (row, c) in open.columns.of(variable as usize) {
                if self.row_stamp[row] != self.stamp {
                    self.row_stamp[row] = self.stamp;
                    self.row_sum[row] = 0;
                    self.rows.push(row as u32);
                }
                self.row_sum[row] += i128::from(c) * i128::from(by);
            }
        }
        let sums = self.rows.iter().map(|&row| (row, self.row_sum[row as usize]));
        sums.filter(|&(_, sum)| sum != 0).collect()
    }

    /// Whether a change keeps every equation and every bound.
    pub(in crate::disclosure) fn fits(&mut self, open: &Open, base: &[i64], change: &[(u32, i64)]) -> bool {
        change.iter().all(|&(variable, by)| {
            let variable = variable as usize;
            let value = base[variable].checked_add(by);
            value.is_some_and(|value| value >= open.lower[variable] && value <= open.upper[variable])
        }) && self.imbalance(open, change).is_empty()
    }
}

/// Whole assignments, changes of them, and what these show.
pub(in crate::disclosure) struct Room<'o> {
    pub(in crate::disclosure) open: &'o Open,
    /// Assignments by variable. Each fits everything published in every component that is anchored; the first is the
    /// base.
    pub(in crate::disclosure) tables: Vec<Vec<i64>>,
    /// By component.
    pub(in crate::disclosure) anchored: Vec<bool>,
    /// The least and the greatest value in any checked assignment.
    pub(in crate::disclosure) seen: Vec<(i64, i64)>,
    /// What shows these.
    pub(in crate::disclosure) shown_by: Vec<(Shown, Shown)>,
    /// Changes of whole assignments, by number.
    pub(in crate::disclosure) moves: Vec<(u32, Move)>,
    /// The interval that no table leaves, by variable.
    pub(in crate::disclosure) proven: Vec<(i64, i64)>,
    /// What proves it, beyond the bounds that the room began with.
    pub(in crate::disclosure) proofs: Vec<Proof>,
    tally: Tally,
}

/// A whole assignment, or one with a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::disclosure) enum Shown {
    Table(u32),
    Move(u32),
}

impl<'o> Room<'o> {
    /// Takes an assignment as its base, component by component where it fits.
    pub(in crate::disclosure) fn new(open: &'o Open, base: Vec<i64>) -> Self {
        let anchored = open.components.iter().map(|component| is_whole(open, &base, component)).collect();
        Room {
            open,
            anchored,
            seen: base.iter().map(|&value| (value, value)).collect(),
            shown_by: vec![(Shown::Table(0), Shown::Table(0)); base.len()],
            tables: vec![base],
            moves: Vec::new(),
            proven: open.lower.iter().copied().zip(open.upper.iter().copied()).collect(),
            proofs: Vec::new(),
            tally: Tally::new(open),
        }
    }

    /// The base.
    pub(in crate::disclosure) fn base(&self) -> &[i64] {
        &self.tables[0]
    }

    /// The assignment that something is a change of.
    pub(in crate::disclosure) fn table_of(&self, shown: Shown) -> u32 {
        match shown {
            Shown::Table(table) => table,
            Shown::Move(number) => self.moves[number as usize].0,
        }
    }

    /// Keeps a whole assignment; components that it does not fit stay as they are in the base.
    pub(in crate::disclosure) fn learn_table(&mut self, mut values: Vec<i64>) -> bool {
        let number = self.tables.len() as u32;
        let mut news = false;
        for (component, &anchored) in self.open.components.iter().zip(&self.anchored) {
            if !anchored || !is_whole(self.open, &values, component) {
                for &variable in component {
                    values[variable as usize] = self.tables[0][variable as usize];
                }
                continue;
            }
            for &variable in component {
                news |=
                    show(&mut self.seen, &mut self.shown_by, variable, values[variable as usize], Shown::Table(number));
            }
        }
        if news {
            self.tables.push(values);
        }
        news
    }

    /// Keeps a bound, if it is tighter than what was proven.
    pub(in crate::disclosure) fn limit(&mut self, proof: Proof) {
        let proven = &mut self.proven[proof.variable as usize];
        let tighter = match proof.side {
            Side::Lower => proof.bound > proven.0,
            Side::Upper => proof.bound < proven.1,
        };
        if tighter {
            match proof.side {
                Side::Lower => proven.0 = proof.bound,
                Side::Upper => proven.1 = proof.bound,
            }
            self.proofs.push(proof);
        }
    }

    /// Keeps a change of a whole assignment that fits exactly, if it shows more of any variable.
    pub(in crate::disclosure) fn learn(&mut self, table: u32, change: Move) -> bool {
        self.take(table, change, false)
    }

    /// Keeps a change of a whole assignment that fits exactly: to somebody who knows more it may show something.
    pub(in crate::disclosure) fn learn_in_any_case(&mut self, table: u32, change: Move) -> bool {
        self.take(table, change, true)
    }

    fn take(&mut self, table: u32, change: Move, in_any_case: bool) -> bool {
        let values = &self.tables[table as usize];
        if !self.tally.fits(self.open, values, &change) {
            return false;
        }
        let number = Shown::Move(self.moves.len() as u32);
        let mut news = false;
        for &(variable, by) in &change {
            news |= show(&mut self.seen, &mut self.shown_by, variable, values[variable as usize] + by, number);
        }
        if news || in_any_case {
            self.moves.push((table, change));
        }
        true
    }
}

/// Notes a value that a variable can have; says whether it is news.
fn show(seen: &mut [(i64, i64)], by: &mut [(Shown, Shown)], variable: u32, value: i64, shown: Shown) -> bool {
    let (seen, by) = (&mut seen[variable as usize], &mut by[variable as usize]);
    let (below, above) = (value < seen.0, value > seen.1);
    if below {
        (seen.0, by.0) = (value, shown);
    }
    if above {
        (seen.1, by.1) = (value, shown);
    }
    below || above
}

/// Whether values fit every bound and equation of a component.
fn is_whole(open: &Open, values: &[i64], component: &[u32]) -> bool {
    component.iter().all(|&variable| {
        let variable = variable as usize;
        let inside = (open.lower[variable]..=open.upper[variable]).contains(&values[variable]);
        inside && open.columns.of(variable).all(|(row, _)| residual(open, values, row) == 0)
    })
}

/// What an equation's terms lack of what they must come to.
pub(in crate::disclosure) fn residual(open: &Open, values: &[i64], row: usize) -> i128 {
    let terms = open.equations.row(row).map(|(variable, c)| i128::from(c) * i128::from(values[variable]));
    i128::from(open.equations.rests[row]) - terms.sum::<i128>()
}
