//! The people of one source: what the identity step keeps of them for linking. Pseudonyms and tokens only.

use std::fmt;

use super::keys::KeyId;
use super::linkage::EncodedPeople;
use super::pseudonym::{LinkToken, Pseudonym};
use crate::workspace::Normaliser;

/// The distinct people of a source and their link tokens.
pub struct SourcePeople {
    pub(super) key: KeyId,
    /// Sorted, each once.
    pub(super) people: Vec<Pseudonym>,
    pub(super) rules: Vec<RuleTokens>,
    pub(super) encoded: Vec<EncodedLink>,
}

/// What linkage by probability needs of one link's people.
pub(super) struct EncodedLink {
    pub(super) link: String,
    pub(super) normalisers: Vec<Normaliser>,
    pub(super) people: EncodedPeople,
    /// The fields by which the link reports, each with the groups of the people, sorted.
    pub(super) groups: Vec<(String, Vec<(Pseudonym, String)>)>,
}

/// The tokens of one rule of one link: 32 bytes a pair.
pub(super) struct RuleTokens {
    pub(super) link: String,
    pub(super) rule: usize,
    pub(super) fields: Vec<String>,
    pub(super) normalisers: Vec<Normaliser>,
    /// Sorted, each once. A person whose rows differ has several.
    pub(super) pairs: Vec<(LinkToken, Pseudonym)>,
}

impl SourcePeople {
    /// How many distinct people there are. A count under protection: never print it where it is below the minimum cell.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.people.len() as u64
    }

    /// The key that made the pseudonyms.
    #[must_use]
    pub fn key(&self) -> &KeyId {
        &self.key
    }
}

impl fmt::Debug for SourcePeople {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SourcePeople({}, ..)", self.key)
    }
}

/// Collects distinct values with little more memory than they need: sorts and drops repeats each time it has doubled.
pub(super) struct Distinct<T> {
    values: Vec<T>,
    /// How many of them, from the start, are sorted already.
    sorted: usize,
    limit: usize,
}

/// Values held before repeats are dropped for the first time.
const FIRST_LIMIT: usize = 1 << 16;

impl<T: Ord + Copy> Distinct<T> {
    pub(super) fn new() -> Self {
        Self { values: Vec::new(), sorted: 0, limit: FIRST_LIMIT }
    }

    pub(super) fn push(&mut self, value: T) {
        // A partner's rows about a person mostly stand together.
        if self.values.last() == Some(&value) {
            return;
        }
        self.values.push(value);
        if self.values.len() >= self.limit {
            self.compact();
            self.limit = FIRST_LIMIT.max(2 * self.values.len());
        }
    }

    /// Takes the values that another one has collected.
    pub(super) fn join(&mut self, mut other: Self) {
        if self.values.is_empty() {
            *self = other;
            return;
        }
        self.compact();
        other.compact();
        self.values.append(&mut other.values);
        self.compact();
    }

    pub(super) fn finish(mut self) -> Vec<T> {
        self.compact();
        self.values.shrink_to_fit();
        self.values
    }

    fn compact(&mut self) {
        self.values[self.sorted..].sort_unstable();
        // Two sorted runs, which the stable sort finds and merges.
        self.values.sort();
        self.values.dedup();
        self.sorted = self.values.len();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distinct_values_are_sorted_and_each_once() {
        let mut distinct = Distinct::new();
        (0..300_000_u32).for_each(|number| distinct.push(number.wrapping_mul(2_654_435_761) % 70_001));
        assert_eq!(distinct.finish(), (0..70_001).collect::<Vec<_>>());
    }

    #[test]
    fn distinct_values_of_several_threads_are_one_list() {
        let collected = |from: u32, to: u32| {
            let mut distinct = Distinct::new();
            (from..to).rev().for_each(|number| distinct.push(number));
            distinct
        };
        let mut all = Distinct::new();
        all.join(collected(50, 300_000));
        all.join(collected(0, 100));
        all.join(Distinct::new());
        assert_eq!(all.finish(), (0..300_000).collect::<Vec<_>>());
    }
}
