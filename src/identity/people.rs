//! The people of one source: what the identity step keeps of them for linking. Pseudonyms and tokens only.

use std::fmt;
use std::sync::Arc;

use super::keys::KeyId;
use super::linkage::EncodedPeople;
use super::pseudonym::{LinkToken, Pseudonym};
use super::wiped::Wiped;
use crate::error::Result;
use crate::spill::{self, Run, Spill};
use crate::workspace::Normaliser;

/// The distinct people of a source and their link tokens.
pub struct SourcePeople {
    pub(super) key: KeyId,
    /// How many people there are.
    pub(super) count: u64,
    /// Sorted, each once; none where no link asks for them.
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
    pub(super) pairs: Wiped<(LinkToken, Pseudonym)>,
}

impl SourcePeople {
    /// How many distinct people there are. A count under protection: never print it where it is below the minimum cell.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
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

/// The people of a source, each once. Where a link asks for them, they are all in memory; else they are counted, and those
/// that memory has no room for wait on disk. Pseudonyms are what staged rows have as well.
pub(super) struct Headcount {
    people: Distinct<Pseudonym>,
    spill: Option<Spill>,
    runs: Vec<Arc<Run>>,
}

impl Headcount {
    pub(super) fn new(spill: Option<Spill>) -> Self {
        Self { people: Distinct::new(), spill, runs: Vec::new() }
    }

    /// Another one of the same kind, of nobody.
    pub(super) fn another(&self) -> Self {
        Self::new(self.spill.clone())
    }

    /// # Errors
    /// `spill.write` where the disk refuses.
    pub(super) fn push(&mut self, person: Pseudonym) -> Result<()> {
        self.people.push(person);
        self.lay_down(false)
    }

    /// Lays down the rest of what does not fit: of several threads, each does so for itself before they are joined.
    ///
    /// # Errors
    /// `spill.write` where the disk refuses.
    pub(super) fn settle(&mut self) -> Result<()> {
        if self.runs.is_empty() { Ok(()) } else { self.lay_down(true) }
    }

    /// Takes the people that another one has collected.
    ///
    /// # Errors
    /// `spill.write` where the disk refuses.
    pub(super) fn join(&mut self, other: Self) -> Result<()> {
        self.runs.extend(other.runs);
        self.people.join(other.people);
        self.lay_down(false)
    }

    /// How many people there are, and who, where all of them are in memory. Those on disk are counted by `threads`.
    ///
    /// # Errors
    /// `spill.read` or `spill.write` where the disk refuses.
    pub(super) fn finish(mut self, threads: usize) -> Result<(u64, Vec<Pseudonym>)> {
        if self.runs.is_empty() {
            let people = self.people.finish();
            return Ok((people.len() as u64, people));
        }
        self.settle()?;
        Ok((spill::count(&self.runs, threads)?, Vec::new()))
    }

    /// Lays them down where memory is full, or at the end.
    fn lay_down(&mut self, end: bool) -> Result<()> {
        let Some(spill) = &self.spill else { return Ok(()) };
        let room = (spill.memory / size_of::<Pseudonym>()).max(1);
        if self.people.values.is_empty() || (self.people.values.len() < room && !end) {
            return Ok(());
        }
        self.people.compact();
        // Where most were repeats, there is room again.
        if self.people.values.len() > room / 2 || end {
            let sorted = self.people.values.iter().map(|person| Ok(u128::from_be_bytes(person.0)));
            self.runs.push(Arc::new(Run::write(spill, sorted)?));
            self.people.clear();
        }
        Ok(())
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

    /// Forgets them, and keeps the room.
    fn clear(&mut self) {
        self.values.clear();
        self.sorted = 0;
        self.limit = FIRST_LIMIT;
    }

    fn compact(&mut self) {
        self.values[self.sorted..].sort_unstable();
        // Two sorted runs, which the stable sort finds and merges.
        self.values.sort();
        self.values.dedup();
        self.sorted = self.values.len();
    }
}

/// Collects tokens as [`Distinct`] does people, and leaves none behind.
#[derive(Default)]
pub(super) struct DistinctTokens {
    pairs: Wiped<(LinkToken, Pseudonym)>,
    limit: usize,
}

impl DistinctTokens {
    pub(super) fn push(&mut self, pair: (LinkToken, Pseudonym)) {
        if self.pairs.last() == Some(&pair) {
            return;
        }
        self.pairs.push(pair);
        if self.pairs.len() >= self.limit.max(FIRST_LIMIT) {
            self.compact();
            self.limit = 2 * self.pairs.len();
        }
    }

    /// Takes the tokens that another one has collected.
    pub(super) fn join(&mut self, other: &Self) {
        self.pairs.extend_from_slice(&other.pairs);
        self.compact();
    }

    pub(super) fn finish(mut self) -> Wiped<(LinkToken, Pseudonym)> {
        self.compact();
        self.pairs
    }

    /// In place: a sort that merges would leave a copy.
    fn compact(&mut self) {
        self.pairs.sort_unstable();
        self.pairs.dedup();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn distinct_values_are_sorted_and_each_once() {
        let mut distinct = Distinct::new();
        (0..300_000_u32).for_each(|number| distinct.push(number.wrapping_mul(2_654_435_761) % 70_001));
        assert_eq!(distinct.finish(), (0..70_001).collect::<Vec<_>>());
    }

    proptest! {
        /// Of several threads, with room for a few people each.
        #[test]
        fn people_that_spill_are_counted_as_those_in_memory_are(
            threads in prop::collection::vec(prop::collection::vec(0..300_u32, 0..600), 1..4),
            memory in 0..1000_usize,
        ) {
            let folder = tempfile::tempdir().expect("a folder");
            let person = |number: u32| Pseudonym(u128::from(number.wrapping_mul(2_654_435_761)).to_le_bytes());
            let counted = |spill: Option<Spill>| {
                let mut all = Headcount::new(spill);
                for numbers in &threads {
                    let mut one = all.another();
                    numbers.iter().for_each(|&number| one.push(person(number)).expect("written"));
                    one.settle().expect("written");
                    all.join(one).expect("written");
                }
                all.finish(2).expect("counted")
            };
            let (count, people) = counted(None);
            prop_assert_eq!(count, people.len() as u64);
            let (spilled, rest) = counted(Some(Spill { directory: folder.path().to_owned(), memory }));
            prop_assert_eq!(spilled, count);
            prop_assert!(rest.is_empty() || rest == people);
        }
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
