//! The start pattern: publish as much as can be while no protected figure is a linear combination of published ones.
//!
//! The tables that agree with what is published form an affine space; a basis of its directions is kept as sparse
//! vectors over the unknowns, in arithmetic modulo a prime. Publishing a cell takes the directions that move it out of
//! the space: one of them is subtracted from the others and dropped. A protected figure stays open as long as a
//! direction moves it. Cells are published heaviest first; one stays hidden where its publication would close a
//! protected figure.
//!
//! # Reference
//! The greedy order and the criterion are those of Ø. Langsrud, "Secondary cell suppression by Gaussian elimination: an
//! algorithm suitable for handling issues with zeros and singletons", PSD 2024; the basis is kept in the space of the
//! tables' changes instead of that of the published cells, where its vectors stay short: some twenty figures each, on
//! tables of any size that were tried.

use super::condense::System;

/// A Mersenne prime. A number that is zero here by accident only makes the start worse: nothing is believed because of
/// it.
const PRIME: u64 = (1 << 31) - 1;

/// A direction: coefficients by unknown, sorted.
type Vector = Vec<(u32, u32)>;

struct Kernel {
    vectors: Vec<Vector>,
    /// The vectors that hold an unknown; some may no longer.
    rows: Vec<Vec<u32>>,
    /// How many vectors hold it.
    count: Vec<u32>,
    /// Values of a functional by vector, and which of them are set.
    value: Vec<u64>,
    set: Vec<u32>,
    buffer: Vector,
}

fn power(mut base: u64, mut exponent: u64) -> u64 {
    let mut result = 1;
    while exponent > 0 {
        if exponent & 1 == 1 {
            result = result * base % PRIME;
        }
        base = base * base % PRIME;
        exponent >>= 1;
    }
    result
}

/// By Fermat's little theorem.
fn inverse(value: u64) -> u64 {
    if value == 1 || value == PRIME - 1 { value } else { power(value, PRIME - 2) }
}

fn residue(value: i64) -> u64 {
    value.rem_euclid(PRIME.cast_signed()).cast_unsigned()
}

fn number(index: usize) -> u32 {
    u32::try_from(index).expect("a table has fewer than four thousand million cells")
}

fn coefficient(vector: &Vector, unknown: u32) -> u64 {
    vector.binary_search_by_key(&unknown, |&(one, _)| one).map_or(0, |at| u64::from(vector[at].1))
}

impl Kernel {
    /// All directions that keep every equation.
    fn new(system: &System) -> Self {
        let count = system.unknowns.len();
        let mut kernel = Kernel {
            vectors: (0..count).map(|unknown| vec![(number(unknown), 1)]).collect(),
            rows: (0..count).map(|unknown| vec![number(unknown)]).collect(),
            count: vec![1; count],
            value: vec![0; count],
            set: Vec::new(),
            buffer: Vec::new(),
        };
        for equation in order(system) {
            let terms: Vec<(u32, u64)> =
                system.equations[equation].iter().map(|&(unknown, c)| (number(unknown), residue(c))).collect();
            kernel.evaluate(&terms);
            if let Some(pivot) = kernel.pivot() {
                kernel.eliminate(pivot);
            }
            kernel.clear();
        }
        kernel
    }

    fn clear(&mut self) {
        for vector in self.set.drain(..) {
            self.value[vector as usize] = 0;
        }
    }

    /// The value of a functional at each vector.
    fn evaluate(&mut self, terms: &[(u32, u64)]) {
        for &(unknown, by) in terms {
            let mut row = std::mem::take(&mut self.rows[unknown as usize]);
            row.sort_unstable();
            row.dedup();
            row.retain(|&vector| {
                let own = coefficient(&self.vectors[vector as usize], unknown);
                if own != 0 {
                    self.set.push(vector);
                    let value = &mut self.value[vector as usize];
                    *value = (*value + own * by) % PRIME;
                }
                own != 0
            });
            self.rows[unknown as usize] = row;
        }
        self.set.sort_unstable();
        self.set.dedup();
        let value = &self.value;
        self.set.retain(|&vector| value[vector as usize] != 0);
    }

    /// The shortest vector that the functional moves.
    fn pivot(&self) -> Option<u32> {
        self.set.iter().copied().min_by_key(|&vector| (self.vectors[vector as usize].len(), vector))
    }

    /// Makes the functional vanish on all vectors.
    fn eliminate(&mut self, pivot: u32) {
        let source = std::mem::take(&mut self.vectors[pivot as usize]);
        let over = inverse(self.value[pivot as usize]);
        for &(unknown, _) in &source {
            self.count[unknown as usize] -= 1;
        }
        for at in 0..self.set.len() {
            let vector = self.set[at];
            if vector != pivot {
                let factor = PRIME - self.value[vector as usize] * over % PRIME;
                self.add(vector, &source, factor);
            }
        }
    }

    /// `vector += factor * source`.
    fn add(&mut self, vector: u32, source: &Vector, factor: u64) {
        let mut sum = std::mem::take(&mut self.buffer);
        let mut target = std::mem::take(&mut self.vectors[vector as usize]);
        sum.clear();
        let mut at = 0;
        for &(unknown, own) in source {
            while target.get(at).is_some_and(|entry| entry.0 < unknown) {
                sum.push(target[at]);
                at += 1;
            }
            let before = target.get(at).filter(|entry| entry.0 == unknown).map_or(0, |entry| u64::from(entry.1));
            at += usize::from(before != 0);
            let after = (before + u64::from(own) * factor) % PRIME;
            if after != 0 {
                // Below the prime.
                sum.push((unknown, after as u32));
            }
            if before == 0 && after != 0 {
                self.rows[unknown as usize].push(vector);
                self.count[unknown as usize] += 1;
            } else if before != 0 && after == 0 {
                self.count[unknown as usize] -= 1;
            }
        }
        sum.extend_from_slice(&target[at..]);
        target.clear();
        target.extend_from_slice(&sum);
        self.vectors[vector as usize] = target;
        self.buffer = sum;
    }

    /// Publishes a cell unless that would close a protected figure; says whether it did.
    fn publish(&mut self, unknown: usize, protected: &dyn Fn(usize) -> bool) -> bool {
        self.evaluate(&[(number(unknown), 1)]);
        let Some(pivot) = self.pivot() else { return true };
        let closes = self.closes(pivot, number(unknown), protected);
        if !closes {
            self.eliminate(pivot);
        }
        self.clear();
        !closes
    }

    /// Whether a protected figure moves in proportion to this one in every direction.
    fn closes(&self, pivot: u32, unknown: u32, protected: &dyn Fn(usize) -> bool) -> bool {
        let own = self.value[pivot as usize];
        self.vectors[pivot as usize].iter().any(|&(other, there)| {
            other != unknown
                && self.count[other as usize] as usize == self.set.len()
                && protected(other as usize)
                && self.set.iter().all(|&vector| {
                    let here = coefficient(&self.vectors[vector as usize], other);
                    here * own % PRIME == u64::from(there) * self.value[vector as usize] % PRIME
                })
        })
    }
}

/// Equations whose total is a part of another come before it, so that vectors stay short.
fn order(system: &System) -> Vec<usize> {
    // A figure's height above the figures that no equation splits, by repeated relaxation.
    let mut height = vec![0_u32; system.unknowns.len()];
    for _ in 0..DEEPEST {
        let mut changed = false;
        for terms in &system.equations {
            let below = terms.iter().filter(|&&(_, c)| c > 0).map(|&(unknown, _)| height[unknown]).max();
            for &(total, _) in terms.iter().filter(|&&(_, c)| c < 0) {
                if let Some(below) = below.filter(|&below| height[total] < below + 1) {
                    height[total] = below + 1;
                    changed = true;
                }
            }
        }
        if !changed {
            break;
        }
    }
    let top = |equation: usize| system.equations[equation].iter().map(|&(u, _)| height[u]).max().unwrap_or(0);
    let mut order: Vec<usize> = (0..system.equations.len()).collect();
    order.sort_by_key(|&equation| top(equation));
    order
}

/// Levels of totals that are told apart; more only make vectors longer.
const DEEPEST: usize = 64;

/// What is hidden at the start: cells that are primary, and those that can't be published without making a protected
/// figure a combination of published ones.
pub(super) fn start(system: &System) -> Vec<bool> {
    let unknowns = &system.unknowns;
    let mut kernel = Kernel::new(system);
    let mut order: Vec<usize> =
        (0..unknowns.len()).filter(|&one| unknowns[one].printed && !unknowns[one].primary).collect();
    order.sort_by(|&a, &b| unknowns[b].cost.total_cmp(&unknowns[a].cost).then(a.cmp(&b)));
    let mut hidden: Vec<bool> = unknowns.iter().map(|unknown| unknown.printed && unknown.primary).collect();
    for unknown in order {
        hidden[unknown] = !kernel.publish(unknown, &|other| unknowns[other].protected);
    }
    hidden
}
