//! How often each pattern occurs: all that training needs of the pairs.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use super::compare::Pattern;

/// Up to how many patterns a plain array is used.
const DENSE: u64 = 1 << 20;

/// Multiplies: patterns are numbers of this program's own making, not something an attacker chooses.
#[derive(Default)]
pub(super) struct PatternHasher(u64);

impl Hasher for PatternHasher {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|&byte| self.write_u64(byte.into()));
    }
    fn write_u64(&mut self, number: u64) {
        let mixed = (self.0 ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 = mixed ^ (mixed >> 29);
    }
}

/// Values by pattern.
pub(super) type Sparse<V> = HashMap<Pattern, V, BuildHasherDefault<PatternHasher>>;

/// Counts by pattern.
pub(super) enum Counts {
    Dense(Vec<u32>),
    Sparse(Sparse<u32>),
}

impl Counts {
    pub(super) fn new(patterns: Pattern) -> Self {
        if patterns <= DENSE { Self::Dense(vec![0; patterns as usize]) } else { Self::Sparse(Sparse::default()) }
    }

    pub(super) fn add(&mut self, pattern: Pattern) {
        match self {
            Self::Dense(counts) => counts[pattern as usize] += 1,
            Self::Sparse(counts) => *counts.entry(pattern).or_insert(0) += 1,
        }
    }
}

/// Patterns that occurred and how often, in the order of patterns: the same for the same pairs, however they came.
pub(super) fn total(parts: Vec<Counts>) -> Vec<(Pattern, f64)> {
    let mut all: Vec<(Pattern, f64)> = Vec::new();
    for part in parts {
        match part {
            Counts::Dense(counts) => {
                all.extend((0..).zip(counts).filter(|(_, n)| *n > 0).map(|(at, n)| (at, f64::from(n))));
            }
            Counts::Sparse(counts) => all.extend(counts.into_iter().map(|(at, n)| (at, f64::from(n)))),
        }
    }
    all.sort_unstable_by_key(|one| one.0);
    all.dedup_by(|next, kept| {
        let same = next.0 == kept.0;
        if same {
            // Whole numbers below 2^53: exact in any order.
            kept.1 += next.1;
        }
        same
    });
    all
}
