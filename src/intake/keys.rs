//! Keys of rows that were seen, small enough for every row of a large extract: 16 bytes each and a little room.

use std::hash::{BuildHasher, RandomState};

/// What a rule remembers of a row: its key, and the value that is compared; none where a value of the key is missing.
pub(super) type KeyOfRow = Option<Key>;

/// A key and the value that goes with it, hashed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Key {
    /// 128 bits, so that no two keys are taken for one by chance.
    pub(super) key: u128,
    /// 64 bits: they are compared with those of one other row, if any.
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
/// The lower 32 bits are its value's: they only tell a repeated row from a contradicting one.
const KEY: u128 = !0 << 32;
/// Parts of the table, each of which grows on its own, so that growing never needs twice the memory.
const PARTS: usize = 256;
/// Entries that a part starts with.
const FIRST: usize = 8;

/// Keys with a value each, in open addressing with linear probing. Hashes are random bits, so that they are their own
/// place.
#[derive(Clone, Default)]
pub(super) struct KeyTable {
    parts: Vec<Part>,
}

#[derive(Clone, Default)]
struct Part {
    /// 0 where there is none.
    entries: Vec<u128>,
    taken: usize,
}

impl KeyTable {
    /// Whether the key is there.
    pub(super) fn contains(&self, key: u128) -> bool {
        self.get(key).is_some()
    }

    /// Whether the key is there with this value.
    pub(super) fn same(&self, key: Key) -> Option<bool> {
        self.get(key.key).map(|found| found as u32 == key.value as u32)
    }

    /// Adds a key that is not there.
    pub(super) fn insert(&mut self, key: Key) {
        if self.parts.is_empty() {
            self.parts.resize(PARTS, Part::default());
        }
        let entry = entry_of(key.key) | u128::from(key.value as u32);
        self.parts[part(entry)].insert(entry);
    }

    fn get(&self, key: u128) -> Option<u128> {
        let entry = entry_of(key);
        self.parts.get(part(entry))?.get(entry)
    }
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
        if self.get(entry).is_none() {
            self.put(entry);
        }
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
    use super::*;

    #[test]
    fn keys_are_found_with_their_values_however_many_there_are() {
        let hasher = KeyHasher::default();
        let key = |number: u32| {
            let bytes = number.to_le_bytes();
            Key { key: hasher.key(&bytes), value: hasher.value(&bytes) }
        };
        let mut table = KeyTable::default();
        assert!(!table.contains(key(0).key));
        for number in 0..200_000 {
            assert_eq!(table.same(key(number)), None);
            table.insert(key(number));
        }
        for number in 0..200_000 {
            let key = key(number);
            assert_eq!(table.same(key), Some(true));
            assert_eq!(table.same(Key { value: !key.value, ..key }), Some(false));
        }
        assert!((200_000..400_000).all(|number| !table.contains(key(number).key)));
    }

    #[test]
    fn sixteen_bytes_a_key_and_half_as_much_again() {
        let hasher = KeyHasher::default();
        let mut table = KeyTable::default();
        let keys = 1_000_000_usize;
        (0..keys).for_each(|number| table.insert(Key { key: hasher.key(&number.to_le_bytes()), value: 0 }));
        let places: usize = table.parts.iter().map(|part| part.entries.capacity()).sum();
        assert!(places < keys * 2, "{places}");
    }

    #[test]
    fn the_key_that_is_no_bits_at_all_is_a_key() {
        let mut table = KeyTable::default();
        assert!(!table.contains(0));
        table.insert(Key { key: 0, value: 0 });
        assert!(table.contains(0));
    }
}
