//! Keys of rows that were seen: 16 bytes each and a little room, in memory up to a limit and on disk beyond it.

use std::hash::{BuildHasher, RandomState};
use std::hint::black_box;
use std::sync::Arc;

use crate::error::Result;
use crate::spill::{Merged, Run, Spill};

/// What a rule remembers of a row: its key, and the value that is compared; none where a value of the key is missing.
pub(super) type KeyOfRow = Option<Key>;

/// A key and the value that goes with it, hashed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Key {
    /// 128 bits, so that no two keys are taken for one by chance.
    pub(super) key: u128,
    /// Of which 32 bits are compared with those of one other row, if any.
    pub(super) value: u64,
}

/// Hashes of a run: two SipHashes with random keys, so that nobody can make rows up that collide. They mean nothing
/// outside of the run.
#[derive(Clone, Default)]
pub(super) struct KeyHasher(RandomState, RandomState);

impl KeyHasher {
    pub(super) fn key(&self, bytes: &[u8]) -> u128 {
        u128::from(self.0.hash_one(bytes)) << 64 | u128::from(self.1.hash_one(bytes))
    }

    pub(super) fn value(&self, bytes: &[u8]) -> u64 {
        self.0.hash_one(bytes)
    }
}

/// The upper 96 bits of an entry are those of its key. Of 10⁹ keys no two agree in them but with a probability of 10⁻¹¹.
/// The lower 32 bits are its value's: they tell a row that says the same from one that says something else.
const KEY: u128 = !0 << 32;
/// Parts of the table, each of which grows on its own, so that growing never needs twice the memory.
const PARTS: usize = 256;
/// Entries that a part starts with.
const FIRST: usize = 8;
/// Bytes that an entry takes in memory at most, with the places that are free.
const ENTRY: usize = 28;
/// Runs of about the same size that are merged into one, so that a key is looked for in few.
const MERGED: usize = 8;

/// Keys with a value each, in open addressing with linear probing. Hashes are random bits, so that they are their own
/// place.
///
/// With a [`Spill`], those that are too many for memory are laid down on disk, sorted. A filter of a fixed size in memory
/// tells most keys that are not there from those that may be, for which each run on disk is asked. What is found does not
/// depend on where it is.
#[derive(Clone, Default)]
pub(super) struct KeyTable {
    parts: Vec<Part>,
    /// Entries in `parts`.
    taken: usize,
    spill: Option<Spill>,
    spilled: Option<Spilled>,
}

#[derive(Clone, Default)]
struct Part {
    /// 0 where there is none.
    entries: Vec<u128>,
    taken: usize,
}

/// What is on disk.
#[derive(Clone)]
struct Spilled {
    /// Runs with how often what is in them was merged; the oldest first.
    runs: Vec<(u32, Arc<Run>)>,
    filter: Filter,
}

impl KeyTable {
    /// An empty one that takes up to `spill.memory` bytes of memory.
    pub(super) fn spilling(spill: Option<Spill>) -> Self {
        Self { spill, ..Self::default() }
    }

    /// From now on, it spills like this.
    pub(super) fn spill_to(&mut self, spill: Option<Spill>) {
        self.spill = spill;
    }

    /// Forgets all keys.
    pub(super) fn clear(&mut self) {
        *self = Self::spilling(self.spill.take());
    }

    /// How many keys there are.
    pub(super) fn len(&self) -> u64 {
        let spilled = self.spilled.iter().flat_map(|spilled| &spilled.runs).map(|(_, run)| run.len()).sum::<usize>();
        (self.taken + spilled) as u64
    }

    /// Asks memory for where a key is looked for. Each of many keys is elsewhere in a large table: asked one after the
    /// other they are fetched side by side, looked for one after the other each waits for the one before.
    pub(super) fn touch(&self, key: u128) {
        let entry = entry_of(key);
        let place = self.parts.get(part(entry)).and_then(|part| part.entries.get(part.start(entry)));
        let block = self.spilled.as_ref().map(|spilled| spilled.filter.0[spilled.filter.block(entry)][0]);
        black_box((place.copied(), block));
    }

    /// Whether the key is there.
    ///
    /// # Errors
    /// `spill.read` where the disk refuses.
    pub(super) fn contains(&self, key: u128) -> Result<bool> {
        Ok(self.get(key)?.is_some())
    }

    /// Whether the key is there with this value.
    ///
    /// # Errors
    /// `spill.read` where the disk refuses.
    pub(super) fn same(&self, key: Key) -> Result<Option<bool>> {
        Ok(self.get(key.key)?.map(|found| found as u32 == key.value as u32))
    }

    /// Adds a key where it is not there.
    ///
    /// # Errors
    /// `spill.read` or `spill.write` where the disk refuses.
    pub(super) fn insert(&mut self, key: Key) -> Result<()> {
        if self.contains(key.key)? { Ok(()) } else { self.put(key) }
    }

    /// Adds a key that is not there.
    ///
    /// # Errors
    /// `spill.read` or `spill.write` where the disk refuses.
    pub(super) fn put(&mut self, key: Key) -> Result<()> {
        if self.spill.as_ref().is_some_and(|spill| self.taken >= self.room(spill)) {
            self.lay_down()?;
        }
        if self.parts.is_empty() {
            self.parts.resize(PARTS, Part::default());
        }
        let entry = entry_of(key.key) | u128::from(key.value as u32);
        self.parts[part(entry)].insert(entry);
        self.taken += 1;
        Ok(())
    }

    /// All that is on disk in one run, since many keys will be looked for and most of them be there.
    ///
    /// # Errors
    /// `spill.read` or `spill.write` where the disk refuses.
    pub(super) fn settle(&mut self) -> Result<()> {
        let (Some(spill), Some(spilled)) = (&self.spill, &mut self.spilled) else { return Ok(()) };
        spilled.merge(spill, spilled.runs.len())
    }

    /// Entries that memory has room for: half of it is the filter's, once there is one.
    fn room(&self, spill: &Spill) -> usize {
        let filter = if self.spilled.is_some() { 2 } else { 1 };
        (spill.memory / filter / ENTRY).max(1)
    }

    fn get(&self, key: u128) -> Result<Option<u128>> {
        let entry = entry_of(key);
        let found = self.parts.get(part(entry)).and_then(|part| part.get(entry));
        match (found, &self.spilled) {
            (None, Some(spilled)) if spilled.filter.may_hold(entry) => spilled.get(entry),
            _ => Ok(found),
        }
    }

    /// Lays all entries down as one run: parts are ranges, so that each is sorted by itself.
    fn lay_down(&mut self) -> Result<()> {
        let Some(spill) = &self.spill else { return Ok(()) };
        let filter = || Filter::new(spill.memory / 2);
        let spilled = self.spilled.get_or_insert_with(|| Spilled { runs: Vec::new(), filter: filter() });
        let (parts, filter) = (std::mem::take(&mut self.parts), &mut spilled.filter);
        let sorted = parts.into_iter().flat_map(|part| {
            let mut entries = part.entries;
            entries.retain(|entry| *entry != 0);
            entries.sort_unstable();
            entries.iter().for_each(|entry| filter.add(*entry));
            entries.into_iter().map(Ok)
        });
        let run = Run::write(spill, sorted)?;
        self.taken = 0;
        spilled.runs.push((0, Arc::new(run)));
        spilled.tidy(spill)
    }
}

impl Spilled {
    fn get(&self, entry: u128) -> Result<Option<u128>> {
        for (_, run) in self.runs.iter().rev() {
            let found = run.at_least(entry & KEY)?.filter(|found| found & KEY == entry & KEY);
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    /// Merges the last runs where there are enough that were merged as often as each other.
    fn tidy(&mut self, spill: &Spill) -> Result<()> {
        while let Some(&(level, _)) = self.runs.last()
            && self.runs.iter().rev().take_while(|(other, _)| *other == level).count() >= MERGED
        {
            self.merge(spill, MERGED)?;
        }
        Ok(())
    }

    /// Merges the last runs.
    fn merge(&mut self, spill: &Spill, last: usize) -> Result<()> {
        let merged = self.runs.split_off(self.runs.len().saturating_sub(last));
        let Some(level) = merged.iter().map(|(level, _)| level + 1).max() else { return Ok(()) };
        let run = Run::write(spill, Merged::of(merged.into_iter().map(|(_, run)| run)))?;
        self.runs.push((level, Arc::new(run)));
        Ok(())
    }
}

/// Bits of a block of the filter; a cache line.
const BLOCK: usize = 512;
/// Bits of a key. With ten bits of the filter for each key, one in sixty is taken for one that may be there.
const BITS: u32 = 4;

/// A Bloom filter in blocks of a cache line.
///
/// Reference: F. Putze, P. Sanders, J. Singler, *Cache-, hash- and space-efficient Bloom filters*, 2009.
#[derive(Clone)]
struct Filter(Vec<[u64; BLOCK / 64]>);

impl Filter {
    fn new(bytes: usize) -> Self {
        Self(vec![[0; BLOCK / 64]; (bytes * 8 / BLOCK).max(1)])
    }

    /// The block of an entry: the upper half of it, as a share of the blocks.
    fn block(&self, entry: u128) -> usize {
        (((entry >> 64) * self.0.len() as u128) >> 64) as usize
    }

    fn add(&mut self, entry: u128) {
        let block = self.block(entry);
        places(entry).for_each(|(word, bit)| self.0[block][word] |= bit);
    }

    fn may_hold(&self, entry: u128) -> bool {
        let block = &self.0[self.block(entry)];
        places(entry).all(|(word, bit)| block[word] & bit != 0)
    }
}

/// Words and bits in a block, of the lowest bits of the key.
fn places(entry: u128) -> impl Iterator<Item = (usize, u64)> {
    let bits = (entry >> 32) as u64;
    (0..BITS).map(move |at| {
        let place = bits >> (9 * at);
        ((place >> 6) as usize % (BLOCK / 64), 1 << (place % 64))
    })
}

/// Never 0, which stands for no entry.
fn entry_of(key: u128) -> u128 {
    (key & KEY).max(1 << 32)
}

fn part(entry: u128) -> usize {
    (entry >> 120) as usize
}

impl Part {
    /// Where the search for an entry starts: its bits behind those of the part, as a share of the places.
    fn start(&self, entry: u128) -> usize {
        let bits = (entry >> 56) as u64;
        ((u128::from(bits) * self.entries.len() as u128) >> 64) as usize
    }

    fn get(&self, wanted: u128) -> Option<u128> {
        if self.entries.is_empty() {
            return None;
        }
        let mut at = self.start(wanted);
        loop {
            match self.entries[at] {
                0 => return None,
                found if found & KEY == wanted & KEY => return Some(found),
                _ => at = if at + 1 == self.entries.len() { 0 } else { at + 1 },
            }
        }
    }

    fn insert(&mut self, entry: u128) {
        if self.taken * 8 >= self.entries.len() * 7 {
            self.grow();
        }
        self.put(entry);
    }

    fn put(&mut self, entry: u128) {
        let mut at = self.start(entry);
        while self.entries[at] != 0 {
            at = if at + 1 == self.entries.len() { 0 } else { at + 1 };
        }
        self.entries[at] = entry;
        self.taken += 1;
    }

    /// By half: more rarely it would hold empty places, more often it would move entries.
    fn grow(&mut self) {
        let places = (self.entries.len() * 3 / 2).max(FIRST);
        let before = std::mem::replace(&mut self.entries, vec![0; places]);
        self.taken = 0;
        before.into_iter().filter(|entry| *entry != 0).for_each(|entry| self.put(entry));
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Whatever is asked in whatever order: a table with room for two dozen keys says what one without limit says.
        #[test]
        fn a_table_that_spills_says_what_one_in_memory_says(
            memory in 0..24 * ENTRY,
            asked in prop::collection::vec((0..400_u64, 0..3_u64, any::<bool>()), 0..1500),
            settled in any::<bool>(),
        ) {
            let hasher = KeyHasher::default();
            let folder = tempfile::tempdir().expect("a folder");
            let spill = Spill { directory: folder.path().to_owned(), memory };
            let mut table = KeyTable::spilling(Some(spill));
            let mut known = HashMap::new();
            for (number, value, add) in asked {
                let key = Key { key: hasher.key(&number.to_le_bytes()), value };
                let same = known.get(&number).map(|first| *first == value);
                prop_assert_eq!(table.same(key).expect("read"), same);
                if add {
                    table.insert(key).expect("written");
                    known.entry(number).or_insert(value);
                }
                prop_assert_eq!(table.len(), known.len() as u64);
            }
            if settled {
                table.settle().expect("written");
                prop_assert!(table.spilled.is_none_or(|spilled| spilled.runs.len() == 1));
            }
        }
    }

    #[test]
    fn few_runs_are_asked_however_many_were_laid_down() {
        let hasher = KeyHasher::default();
        let folder = tempfile::tempdir().expect("a folder");
        let mut table = KeyTable::spilling(Some(Spill { directory: folder.path().to_owned(), memory: 100 * ENTRY }));
        let key = |number: u32| Key { key: hasher.key(&number.to_le_bytes()), value: 0 };
        for number in 0..30_000 {
            table.put(key(number)).expect("written");
            assert!(table.parts.iter().map(|part| part.taken).sum::<usize>() <= 100);
        }
        let runs = table.spilled.as_ref().map(|spilled| spilled.runs.len());
        assert!(runs.is_some_and(|runs| runs <= 4 * MERGED), "{runs:?}");
        assert!((0..30_000).step_by(7).all(|number| table.contains(key(number).key).expect("read")));
        assert!((30_000..40_000).all(|number| !table.contains(key(number).key).expect("read")));
        table.clear();
        assert_eq!((table.len(), table.contains(key(0).key).expect("read")), (0, false));
    }

    /// What is asked of the disk in vain: one key in fifty at the most, with ten bits for each.
    #[test]
    fn the_filter_knows_most_keys_that_are_not_there() {
        let hasher = KeyHasher::default();
        let mut filter = Filter::new(100_000 * 10 / 8);
        let entry = |number: u32| entry_of(hasher.key(&number.to_le_bytes()));
        (0..100_000).for_each(|number| filter.add(entry(number)));
        assert!((0..100_000).all(|number| filter.may_hold(entry(number))));
        let in_vain = (100_000..200_000).filter(|&number| filter.may_hold(entry(number))).count();
        assert!(in_vain < 2_000, "{in_vain}");
    }

    #[test]
    fn keys_are_found_with_their_values_however_many_there_are() {
        let hasher = KeyHasher::default();
        let key = |number: u32| {
            let bytes = number.to_le_bytes();
            Key { key: hasher.key(&bytes), value: hasher.value(&bytes) }
        };
        let mut table = KeyTable::default();
        assert!(!table.contains(key(0).key).expect("memory"));
        for number in 0..200_000 {
            assert_eq!(table.same(key(number)).expect("memory"), None);
            table.insert(key(number)).expect("memory");
        }
        for number in 0..200_000 {
            let key = key(number);
            assert_eq!(table.same(key).expect("memory"), Some(true));
            assert_eq!(table.same(Key { value: !key.value, ..key }).expect("memory"), Some(false));
        }
        assert!((200_000..400_000).all(|number| !table.contains(key(number).key).expect("memory")));
    }

    #[test]
    fn sixteen_bytes_a_key_and_half_as_much_again() {
        let hasher = KeyHasher::default();
        let mut table = KeyTable::default();
        let keys = 1_000_000_usize;
        for number in 0..keys {
            table.put(Key { key: hasher.key(&number.to_le_bytes()), value: 0 }).expect("memory");
        }
        let places: usize = table.parts.iter().map(|part| part.entries.capacity()).sum();
        assert!(places * 16 < keys * ENTRY, "{places}");
    }

    #[test]
    fn the_key_that_is_no_bits_at_all_is_a_key() {
        let mut table = KeyTable::default();
        assert!(!table.contains(0).expect("memory"));
        table.insert(Key { key: 0, value: 0 }).expect("memory");
        assert!(table.contains(0).expect("memory"));
    }
}
