//! What no greedy search moves: a linear program over all innermost cells for each figure that is left.
//!
//! A dual simplex starts at the figure and looks at no more than what it has to move. It finds a way wherever there is one
//! in fractions; its answer is made whole and checked in whole numbers. Where there is none, it says which totals are in the
//! way: their combination shows that the figure is empty, or not small (J. Farkas, "Theorie der einfachen Ungleichungen",
//! Journal für die reine und angewandte Mathematik 124 (1902)), and is checked in whole numbers as well.

use std::collections::BTreeMap;

use super::seen::{Proof, Seen};
use crate::disclosure::audit::parts::{NONE, mix};
use crate::disclosure::dual::{Dual, Outcome, Terms};
use crate::disclosure::innermost::{Change, Goals, Ground, both};

/// Figures that both threads look at before what they found is taken in.
const BATCH: usize = 64;
/// How often all that is left is looked at: a figure may have to go one way first, then the other.
const ROUNDS: usize = 3;
/// Multiplications in all, for each leaf of the table and for a small one, after which nothing more is tried.
const WORK: usize = 4000;
const LEAST_WORK: usize = 2_000_000_000;
/// What it costs to change a cell by 1, and how far equal ones are apart, as a share of that.
const PRICE: f64 = 0.01;
const JITTER: f64 = 0.5;
/// How much dearer it is to take away where there is little.
const DEAR: f64 = 10.0;
/// Steps for each program, and other prices that are tried where its answer can't be made whole.
const STEPS: usize = 4000;
const TRIES: u64 = 6;
/// A hidden total may change as its cells let it.
const ENDLESS: f64 = 1e9;
/// Denominators of multipliers that are tried.
const DENOMINATORS: [i64; 8] = [1, 2, 3, 4, 5, 6, 8, 12];

/// What may change: innermost cells, then hidden totals that are still to be moved.
struct Far<'f> {
    ground: &'f Ground,
    values: &'f [i64],
    /// Unknown by total.
    totals: BTreeMap<u32, usize>,
}

/// What came of looking at a figure.
enum Found {
    Change(Change),
    /// A combination of totals, and the cells that it settles.
    Proof(Proof, Vec<u32>),
    /// It can't go so far, whatever else moves.
    Impossible,
    Nothing,
}

/// Moves what is left to be moved, or shows that there is no need; `values` is what leaves have above their least value.
pub(super) fn far(
    ground: &Ground,
    values: &[i64],
    seen: &mut Seen<'_, '_>,
    changes: &mut Vec<Change>,
    step: &mut dyn FnMut(usize, usize),
) {
    let mut left = seen.left();
    if left.is_empty() {
        return;
    }
    let outer = left.iter().filter(|&&cell| ground.number(cell as usize) == NONE);
    let totals = outer.enumerate().map(|(at, &cell)| (cell, ground.leaves.len() + at)).collect();
    let far = Far { ground, values, totals };
    let mut workers = {
        let rows = far.rows();
        [(); 2].map(|()| Dual::over(ground.leaves.len() + far.totals.len(), &rows))
    };
    for _ in 0..ROUNDS {
        let (before, mut news) = (left.len(), false);
        for (number, batch) in left.chunks(BATCH).enumerate() {
            step(number * BATCH, before);
            if workers.iter().map(|worker| worker.work).sum::<usize>() > WORK * ground.leaves.len() + LEAST_WORK {
                return;
            }
            let look = |dual: &mut Dual, cell: u32| {
                let needed = !seen.needs(cell as usize).is_empty();
                needed.then(|| far.look(dual, cell, seen))
            };
            for (cell, found) in both(&mut workers, batch, &look) {
                if seen.needs(cell as usize).is_empty() {
                    continue;
                }
                news |= matches!(found, Found::Change(_) | Found::Proof(..));
                match found {
                    Found::Change(change) => {
                        seen.learn(ground, &change);
                        changes.push(change);
                    }
                    Found::Proof(proof, settled) => seen.prove(proof, settled),
                    Found::Impossible | Found::Nothing => {}
                }
            }
        }
        left.retain(|&cell| !seen.needs(cell as usize).is_empty());
        if left.is_empty() || !news {
            return;
        }
    }
}

impl Far<'_> {
    /// What each published total keeps, then what each hidden one is.
    fn rows(&self) -> Vec<Vec<(usize, i64)>> {
        let ground = self.ground;
        let mut rows: Vec<Vec<(usize, i64)>> = vec![Vec::new(); ground.conditions.len()];
        let mut own: BTreeMap<u32, Vec<(usize, i64)>> =
            self.totals.iter().map(|(&cell, &unknown)| (cell, vec![(unknown, -1)])).collect();
        let mut cells = Vec::new();
        for leaf in 0..ground.leaves.len() {
            ground.totals(leaf as u32).iter().for_each(|&total| rows[total as usize].push((leaf, 1)));
            if !own.is_empty() {
                ground.ancestors(ground.leaves[leaf], &mut cells);
                for cell in &cells {
                    if let Some(row) = own.get_mut(cell) {
                        row.push((leaf, 1));
                    }
                }
            }
        }
        rows.extend(own.into_values());
        rows
    }

    /// Moves a figure as far as asked; where it can't go so far, shows that it is not small, or moves it one way as far as it
    /// can go.
    fn look(&self, dual: &mut Dual, cell: u32, seen: &Seen<'_, '_>) -> Found {
        let needs = seen.needs(cell as usize);
        let mut found = Found::Impossible;
        for &by in &needs {
            match self.moved(dual, (cell, by), seen) {
                Found::Impossible => {}
                change @ Found::Change(_) => return change,
                other => found = other,
            }
        }
        if !matches!(found, Found::Impossible) {
            return found;
        }
        let (base, minimum) = (seen.base(cell as usize), seen.minimum(cell as usize));
        // Nobody is there if one more is too many; as many as may be shown if one less than that is too few.
        let too_far = if base == 0 { 1 } else { minimum - 1 - base };
        if (base == 0 || base >= minimum)
            && matches!(self.change(dual, (cell, too_far), 0, seen), Found::Impossible)
            && let Some((proof, settled)) = self.proof(dual, cell, seen)
        {
            return Found::Proof(proof, settled);
        }
        if let &[up, down] = needs.as_slice() {
            for by in [up, down] {
                let (mut near, mut far) = (0, by.abs());
                while far - near > 1 {
                    let middle = near.midpoint(far);
                    match self.moved(dual, (cell, by.signum() * middle), seen) {
                        change @ Found::Change(_) => (near, found) = (middle, change),
                        _ => far = middle,
                    }
                }
                if near > 0 {
                    break;
                }
            }
        }
        found
    }

    /// A change that moves a figure, at some prices or others.
    fn moved(&self, dual: &mut Dual, goal: (u32, i64), seen: &Seen<'_, '_>) -> Found {
        let mut tries = (0..TRIES).map(|salt| self.change(dual, goal, salt, seen));
        tries.find(|found| !matches!(found, Found::Nothing)).unwrap_or(Found::Nothing)
    }

    fn unknown(&self, cell: u32) -> usize {
        let number = self.ground.number(cell as usize);
        if number == NONE { self.totals[&cell] } else { number as usize }
    }

    fn change(&self, dual: &mut Dual, (cell, by): (u32, i64), salt: u64, seen: &Seen<'_, '_>) -> Found {
        let unknown = self.unknown(cell);
        let unit = by.abs() as f64;
        let leaves = self.ground.leaves.len();
        let terms = |unknown: usize| {
            if unknown >= leaves {
                return Some(Terms { up: 0.0, down: 0.0, room: ENDLESS });
            }
            let room = self.values[unknown] as f64 / unit;
            let price = PRICE * (1.0 + JITTER * (mix(unknown as u64, salt) >> 40) as f64 / (1_u64 << 24) as f64);
            let unmet = seen.need(self.ground.leaves[unknown] as usize, true).is_some();
            let up = if unmet { 0.0 } else { price };
            Some(Terms { up, down: price / room.clamp(1.0 / DEAR, 1.0), room })
        };
        let changes = match dual.solve((unknown, by.signum() as f64), unit, STEPS, &terms) {
            Outcome::Found(changes) => changes,
            Outcome::Impossible => return Found::Impossible,
            Outcome::Unsolved | Outcome::Broken => return Found::Nothing,
        };
        let mut sums: BTreeMap<usize, f64> = BTreeMap::from([(unknown, by as f64)]);
        for (unknown, by) in changes {
            *sums.entry(unknown).or_default() += by * unit;
        }
        let whole = sums.into_iter().filter(|&(unknown, _)| unknown < leaves);
        let whole = whole.map(|(leaf, by)| (leaf as u32, by.round() as i64));
        let change: Change = whole.filter(|&(_, by)| by != 0).collect();
        if self.holds(&change, cell, by) { Found::Change(change) } else { Found::Nothing }
    }

    /// Whether a change keeps every published total, leaves nothing below its least value, and moves a cell as far as asked.
    fn holds(&self, change: &Change, cell: u32, by: i64) -> bool {
        let mut sums: BTreeMap<u32, i64> = BTreeMap::new();
        for &(leaf, by) in change {
            self.ground.totals(leaf).iter().for_each(|&total| *sums.entry(total).or_default() += by);
        }
        let own = change.iter().filter(|&&(leaf, _)| self.ground.is_below(leaf, cell)).map(|&(_, by)| by).sum::<i64>();
        let enough = |&(leaf, by): &(u32, i64)| self.values[leaf as usize] + by >= 0;
        sums.values().all(|&sum| sum == 0) && change.iter().all(enough) && own == by
    }

    /// The combination of totals that kept a figure from moving, if it shows that the figure is empty or not small; with all
    /// cells of which it shows that.
    fn proof(&self, dual: &Dual, cell: u32, seen: &Seen<'_, '_>) -> Option<(Proof, Vec<u32>)> {
        let conditions = self.ground.conditions.len();
        let hidden: Vec<u32> = self.totals.keys().copied().collect();
        let total = |row: usize| if row < conditions { self.ground.conditions[row] } else { hidden[row - conditions] };
        let near = |value: f64| (value - value.round()).abs() < 1e-6;
        let whole = |&&by: &&i64| dual.against().iter().all(|&(_, weight)| near(weight * by as f64));
        let by = *DENOMINATORS.iter().find(whole)? as f64;
        let terms = dual.against().iter().map(|&(row, weight)| (row, (weight * by).round() as i64));
        let terms: Vec<(usize, i64)> = terms.filter(|&(_, weight)| weight != 0).collect();
        let proof: Proof = terms.iter().map(|&(row, weight)| (total(row), weight)).collect();
        if terms.iter().any(|&(row, _)| row >= conditions && total(row) != cell) {
            return None;
        }
        // What the combination says of innermost cells, and of the hidden total that it is about.
        let own = self.unknown(cell);
        let members = self.members(&proof);
        let is_below = |&&leaf: &&u32| self.ground.is_below(leaf, cell);
        let inside: i64 = members.iter().filter(is_below).map(|&leaf| self.values[leaf as usize]).sum();
        let value = |unknown: usize| self.values.get(unknown).copied().unwrap_or(inside);
        let mut row: BTreeMap<usize, i64> = BTreeMap::new();
        for leaf in members {
            let above = proof.iter().filter(|&&(total, _)| self.ground.is_below(leaf, total));
            row.insert(leaf as usize, above.map(|(_, weight)| weight).sum());
        }
        let outside = terms.iter().filter(|&&(row, _)| row >= conditions).map(|(_, weight)| weight);
        *row.entry(own).or_default() -= outside.sum::<i64>();
        row.retain(|_, weight| *weight != 0);
        let base = seen.base(cell as usize);
        let weight = row.get(&own).copied()?;
        // All others are to have the same sign.
        let sign = row.iter().find(|&(&unknown, _)| unknown != own).map(|(_, weight)| weight.signum());
        let sign = sign.unwrap_or(if base == 0 { weight.signum() } else { -weight.signum() });
        row.values_mut().for_each(|weight| *weight *= sign);
        if row.iter().any(|(&unknown, &weight)| weight < 0 && unknown != own) {
            return None;
        }
        let rest: i64 = row.iter().map(|(&unknown, &weight)| weight * value(unknown)).sum();
        if row[&own] < 0 {
            // At least what the others, which are not negative, leave.
            let least = base - value(own) - rest.div_euclid(-row[&own]);
            return (least >= seen.minimum(cell as usize)).then(|| (proof, vec![cell]));
        }
        let at = |unknown: usize| self.ground.leaves.get(unknown).copied().unwrap_or(cell);
        let is_empty = |&(&unknown, &weight): &(&usize, &i64)| {
            // What is above the least value is all that there is.
            rest < weight && seen.base(at(unknown) as usize) == value(unknown)
        };
        let settled: Vec<u32> = row.iter().filter(is_empty).map(|(&unknown, _)| at(unknown)).collect();
        settled.contains(&cell).then_some((proof, settled))
    }

    /// The leaves of some totals.
    fn members(&self, totals: &Proof) -> Vec<u32> {
        let mut members: Vec<u32> = totals.iter().flat_map(|&(total, _)| self.ground.all_below(total)).collect();
        members.sort_unstable();
        members.dedup();
        members
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disclosure::samples::{dimension, table};
    use crate::disclosure::{MeasureKind, Status, public_view};

    #[test]
    fn a_change_that_breaks_a_total_or_leaves_fewer_than_nobody_does_not_hold() {
        let counts = [2, 30, 40];
        let whole = table("t", vec![dimension("a", "T x<T y<T z<T")], &[("n", MeasureKind::Count)], &[&counts]);
        let hidden = Status::Complementary;
        let public = public_view(&[whole], &[vec![vec![Status::Published, hidden, hidden, hidden]]]);
        let ground = Ground::new(&public[0], &|_| true);
        let far = Far { ground: &ground, values: &counts, totals: BTreeMap::new() };
        let holds = |change: &[(u32, i64)], by: i64| far.holds(&change.to_vec(), 1, by);
        assert!(holds(&[(0, 3), (1, -3)], 3) && holds(&[(0, -2), (1, 1), (2, 1)], -2));
        assert!(!holds(&[(0, -3), (1, 3)], -3), "fewer than nobody");
        assert!(!holds(&[(0, 3)], 3), "a total that does not add up");
        assert!(!holds(&[(0, 2), (1, -2)], 3), "short of what is asked");
    }
}
