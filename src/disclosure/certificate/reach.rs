//! Moves of single figures, by a dual simplex over what the public figures leave open.
//!
//! Each is a change of a whole table that takes one figure to a goal and changes as little else as it can; raising what has
//! not been seen to go far enough either costs nothing. The room checks every change in whole numbers.

use std::collections::BTreeMap;

use crate::disclosure::audit::parts::{Find, Move, Open, Room, Round, Wants, goals, is_unmet, mix, rounds};
use crate::disclosure::dual::{Dual, Outcome, Terms};

/// Figures that are looked at together before what they show is taken in.
const BATCH: usize = 32;
/// What it costs to change a figure by 1, and how far equal figures are apart, as a share of that.
const PRICE: f64 = 0.01;
const JITTER: f64 = 0.5;
/// How much dearer it is to take away where there is little.
const DEAR: f64 = 10.0;

/// The open equations with what keeps figures from rising, and a simplex for each thread.
pub(super) struct Reach {
    /// Variables that an unknown of their own, after all variables, keeps from rising above their bounds.
    capped: Vec<u32>,
    workers: [Dual; 2],
}

impl Reach {
    pub(super) fn new(open: &Open) -> Self {
        let capped: Vec<u32> =
            (0..open.len() as u32).filter(|&variable| !is_implied(open, variable as usize)).collect();
        let caps =
            capped.iter().enumerate().map(|(number, &variable)| [(variable as usize, 1), (open.len() + number, 1)]);
        let rows = (0..open.equations.len()).map(|row| open.equations.row(row).collect::<Vec<_>>());
        let rows: Vec<Vec<(usize, i64)>> = rows.chain(caps.map(Vec::from)).collect();
        let unknowns = open.len() + capped.len();
        Reach { capped, workers: [(); 2].map(|()| Dual::over(unknowns, &rows)) }
    }

    /// Moves figures one by one, from the table in which each comes nearest to its goal, in at most `steps` steps of the
    /// simplex each; gives those that remain. `salt` sets prices apart in another way.
    pub(super) fn moves(
        &mut self,
        room: &mut Room<'_>,
        wants: &Wants,
        left: Vec<u32>,
        (salt, steps): (u64, usize),
        step: &mut dyn FnMut(usize, usize),
    ) -> Vec<u32> {
        let capped = &self.capped;
        let find = |room: &Room<'_>, dual: &mut Dual, variable: u32| {
            let ways = Ways { room, wants, capped, salt, steps };
            ways.moved(dual, variable).map(|(table, change)| Find::Move(table, change)).into_iter().collect()
        };
        let round = Round { order: left, batch: BATCH, is_wanted: is_unmet };
        rounds(room, wants, round, &mut self.workers, &find, step)
    }
}

/// Whether an equation alone keeps a variable from rising above its bound.
fn is_implied(open: &Open, variable: usize) -> bool {
    let upper = i128::from(open.upper[variable]);
    open.columns.of(variable).any(|(row, own)| {
        // What the others leave at most.
        let others = open.equations.row(row).filter(|&(other, _)| other != variable);
        let least = others.map(|(other, c)| {
            let bound = if (c > 0) == (own > 0) { open.lower[other] } else { open.upper[other] };
            i128::from(c) * i128::from(bound)
        });
        let rest = i128::from(open.equations.rests[row]) - least.sum::<i128>();
        (rest * i128::from(own.signum())).div_euclid(i128::from(own.abs())) <= upper
    })
}

/// What a search for one move may use.
struct Ways<'w, 'o> {
    room: &'w Room<'o>,
    wants: &'w Wants,
    capped: &'w [u32],
    salt: u64,
    steps: usize,
}

impl Ways<'_, '_> {
    /// A change of a table that takes a variable to one of its goals.
    fn moved(&self, dual: &mut Dual, variable: u32) -> Option<(u32, Move)> {
        let need = self.wants[variable as usize]?;
        goals(self.room, &need, variable).into_iter().find_map(|goal| {
            let far = |&table: &u32| (goal - self.room.tables[table as usize][variable as usize]).abs();
            let table = (0..self.room.tables.len() as u32).min_by_key(far)?;
            self.change(dual, table, (variable, goal)).map(|change| (table, change))
        })
    }

    fn change(&self, dual: &mut Dual, table: u32, (variable, goal): (u32, i64)) -> Option<Move> {
        let open = self.room.open;
        let values = &self.room.tables[table as usize];
        let by = goal - values[variable as usize];
        if by == 0 {
            return None;
        }
        let unit = by.abs() as f64;
        let terms = |unknown: usize| {
            if let Some(cap) = unknown.checked_sub(open.len()) {
                let capped = self.capped[cap] as usize;
                let room = (open.upper[capped] - values[capped]) as f64 / unit;
                return Some(Terms { up: PRICE, down: PRICE, room });
            }
            let room = (values[unknown] - open.lower[unknown]) as f64 / unit;
            let price = PRICE * (1.0 + JITTER * (mix(unknown as u64, self.salt) >> 40) as f64 / (1_u64 << 24) as f64);
            let up = if is_unmet(self.room, self.wants, unknown as u32) { 0.0 } else { price };
            Some(Terms { up, down: price / room.clamp(1.0 / DEAR, 1.0), room })
        };
        let Outcome::Found(changes) = dual.solve((variable as usize, by.signum() as f64), unit, self.steps, &terms)
        else {
            return None;
        };
        let mut sums = BTreeMap::from([(variable, by as f64)]);
        for (unknown, by) in changes.into_iter().filter(|&(unknown, _)| unknown < open.len()) {
            *sums.entry(unknown as u32).or_default() += by * unit;
        }
        let whole = sums.into_iter().map(|(variable, by)| (variable, by.round() as i64));
        Some(whole.filter(|&(_, by)| by != 0).collect())
    }
}
