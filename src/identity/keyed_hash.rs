//! HMAC-SHA256 that has taken in its key and a prefix once and for all, on the compression function of the `sha2` crate.
//! The `hmac` crate gives the same (a test compares them); here a value costs its own blocks and one more and nothing
//! else, and the states that a key could be replaced by are wiped when dropped. Of many values, those of several lanes are
//! hashed side by side: the processor then works on one while it waits for another.
//!
//! Reference: RFC 2104 (HMAC), FIPS 180-4 (SHA-256 and its padding).

use std::slice;

use sha2::block_api::compress256;
use zeroize::{Zeroize, ZeroizeOnDrop};

use super::normalise::NORMALISER_VERSION;
use super::pseudonym::WIDTH;

const BLOCK: usize = 64;

/// The state before the first block (FIPS 180-4, 5.3.3).
const START: [u32; 8] =
    [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19];

/// The HMAC of a key after (domain, normaliser version). Not `Clone`, so that the key has one place.
#[derive(Zeroize, ZeroizeOnDrop)]
pub(super) struct KeyedHash {
    inner: Running,
    outer: [u32; 8],
}

impl KeyedHash {
    pub(super) fn new(key: &[u8; 32], domain: &str) -> Self {
        let mut inner = Running { state: keyed_state(key, 0x36), block: [0; BLOCK], length: BLOCK };
        inner.part(domain.as_bytes());
        inner.part(&NORMALISER_VERSION.to_be_bytes());
        Self { inner, outer: keyed_state(key, 0x5c) }
    }

    /// The first 128 bits of the HMAC over the length-prefixed (domain, normaliser version, values).
    pub(super) fn of<'a>(&self, values: impl IntoIterator<Item = &'a str>) -> [u8; WIDTH] {
        let mut running = self.inner;
        running.message(values);
        running.compress();
        running.turn_outward(&self.outer);
        running.compress();
        running.cut()
    }

    /// What [`Self::of`] gives for each of many messages, in their order; nothing for one that is none. `each` takes it.
    ///
    /// A block can be loaded fast once it has been in memory for a while, and the steps of one compression wait for each
    /// other: so all blocks of the lanes are laid down first, and then compressed with nothing in between.
    pub(super) fn of_each<'a, V: IntoIterator<Item = &'a str>>(
        &self,
        messages: impl IntoIterator<Item = Option<V>>,
        mut each: impl FnMut(Option<[u8; WIDTH]>),
    ) {
        let (mut messages, mut lanes, mut is_one) = (messages.into_iter(), [self.inner; LANES], [false; LANES]);
        loop {
            let mut taken = 0;
            for ((lane, is_one), message) in lanes.iter_mut().zip(&mut is_one).zip(&mut messages) {
                *is_one = message.is_some();
                *lane = self.inner;
                lane.message(message.into_iter().flatten());
                taken += 1;
            }
            let lanes_taken = &mut lanes[..taken];
            lanes_taken.iter_mut().for_each(Running::compress);
            lanes_taken.iter_mut().for_each(|lane| lane.turn_outward(&self.outer));
            lanes_taken.iter_mut().for_each(Running::compress);
            lanes_taken.iter().zip(is_one).for_each(|(lane, is_one)| each(is_one.then(|| lane.cut())));
            if taken < LANES {
                break;
            }
        }
        lanes.zeroize();
    }
}

/// Messages that are hashed side by side: more of them are no faster.
const LANES: usize = 8;

/// The one block of the outer hash after the key's: the inner hash, still to be put in, and the padding of 96 bytes.
const OUTER: [u8; BLOCK] = {
    let mut block = [0; BLOCK];
    block[32] = 0x80;
    [block[BLOCK - 2], block[BLOCK - 1]] = (8 * (BLOCK as u16 + 32)).to_be_bytes();
    block
};

/// The length in front of each part, so that no two lists of parts give the same bytes.
pub(super) fn length_prefix(part: &[u8]) -> [u8; 8] {
    (part.len() as u64).to_be_bytes()
}

/// The state after the key's block, every byte of the key changed by `pad`.
fn keyed_state(key: &[u8; 32], pad: u8) -> [u32; 8] {
    let mut block = [pad; BLOCK];
    block.iter_mut().zip(key).for_each(|(byte, key)| *byte ^= key);
    let mut state = START;
    compress256(&mut state, &[block]);
    block.zeroize();
    state
}

/// A SHA-256 under way.
#[derive(Clone, Copy, Zeroize)]
struct Running {
    state: [u32; 8],
    /// The last `length % 64` bytes, which wait for their block to be full; zeros behind them.
    block: [u8; BLOCK],
    /// Bytes taken in, the key's block included.
    length: usize,
}

impl Running {
    fn part(&mut self, part: &[u8]) {
        let at = self.length % BLOCK;
        if part.len() < BLOCK - 8 && at + 8 + part.len() < BLOCK {
            // Most values fit into the block at hand.
            self.block[at..at + 8].copy_from_slice(&length_prefix(part));
            self.block[at + 8..at + 8 + part.len()].copy_from_slice(part);
            self.length += 8 + part.len();
        } else {
            self.update(&length_prefix(part));
            self.update(part);
        }
    }

    fn update(&mut self, mut bytes: &[u8]) {
        loop {
            let filled = self.length % BLOCK;
            let taken = bytes.len().min(BLOCK - filled);
            self.block[filled..filled + taken].copy_from_slice(&bytes[..taken]);
            self.length += taken;
            if filled + taken < BLOCK {
                return;
            }
            self.compress();
            self.block = [0; BLOCK];
            bytes = &bytes[taken..];
        }
    }

    /// Takes in the last parts, and leaves one block to be compressed: it ends with a one bit, zeros and the length in bits.
    fn message<'a>(&mut self, values: impl IntoIterator<Item = &'a str>) {
        values.into_iter().for_each(|value| self.part(value.as_bytes()));
        let filled = self.length % BLOCK;
        self.block[filled] = 0x80;
        if filled + 1 > BLOCK - 8 {
            self.compress();
            self.block = [0; BLOCK];
        }
        self.block[BLOCK - 8..].copy_from_slice(&(8 * self.length as u64).to_be_bytes());
    }

    fn compress(&mut self) {
        compress256(&mut self.state, slice::from_ref(&self.block));
    }

    /// From the end of the inner hash to the one block of the outer hash.
    fn turn_outward(&mut self, outer: &[u32; 8]) {
        let inner = std::mem::replace(&mut self.state, *outer);
        self.block = OUTER;
        self.block.as_chunks_mut().0.iter_mut().zip(inner).for_each(|(to, word)| *to = word.to_be_bytes());
    }

    /// The first bytes of the hash.
    fn cut(&self) -> [u8; WIDTH] {
        let mut cut = [0; WIDTH];
        cut.as_chunks_mut().0.iter_mut().zip(self.state).for_each(|(to, word)| *to = word.to_be_bytes());
        cut
    }
}

#[cfg(test)]
mod tests {
    use hmac::{Hmac, KeyInit, Mac};
    use proptest::prelude::*;
    use sha2::Sha256;

    use super::*;

    /// Computed with Python's `hmac` and `hashlib`:
    /// `lp = lambda b: struct.pack(">Q", len(b)) + b`,
    /// `hmac.new(bytes(range(32)), lp(b"ssid") + lp(struct.pack(">I", 3)) + lp(b"0012345678"), "sha256").digest()[:16]`.
    #[test]
    fn pseudonyms_equal_those_of_another_implementation() {
        let key = std::array::from_fn(|index| u8::try_from(index).expect("below 32"));
        assert_eq!(hex::encode(KeyedHash::new(&key, "ssid").of(["0012345678"])), "f3dae160db6bfd3144a78fa530942fe7");
        let name = KeyedHash::new(&key, "first_name,last_name,birth_date");
        assert_eq!(hex::encode(name.of(["JOSE", "NUÑEZ", "2008-02-29"])), "c1c4d7a5ca5dc67cefcb78c8f6af543e");
    }

    /// Every length around the edges of blocks and padding.
    #[test]
    fn equals_the_hmac_crate_at_every_length() {
        for length in 0..300 {
            compare([0xa5; 32], "domain", &["x".repeat(length)]);
            compare([0x01; 32], &"d".repeat(length), &["y".to_owned()]);
        }
    }

    proptest! {
        #[test]
        fn equals_the_hmac_crate(key: [u8; 32], domain in ".{0,80}", values in prop::collection::vec(".{0,80}", 0..4)) {
            compare(key, &domain, &values);
        }
    }

    proptest! {
        /// Lanes that are filled, half filled, or filled with nothing.
        #[test]
        fn many_messages_hash_as_each_does_alone(
            messages in prop::collection::vec(prop::option::of(prop::collection::vec(".{0,80}", 0..3)), 0..40),
        ) {
            let hash = KeyedHash::new(&[7; 32], "domain");
            let alone: Vec<_> = messages
                .iter()
                .map(|values| values.as_ref().map(|values| hash.of(values.iter().map(String::as_str))))
                .collect();
            let mut together = Vec::new();
            let values = messages.iter().map(|values| values.as_ref().map(|values| values.iter().map(String::as_str)));
            hash.of_each(values, |hash| together.push(hash));
            prop_assert_eq!(together, alone);
        }
    }

    #[track_caller]
    fn compare(key: [u8; 32], domain: &str, values: &[String]) {
        let mut peer = Hmac::<Sha256>::new_from_slice(&key).expect("any length");
        let version = NORMALISER_VERSION.to_be_bytes();
        for part in [domain.as_bytes(), &version].into_iter().chain(values.iter().map(String::as_bytes)) {
            peer.update(&length_prefix(part));
            peer.update(part);
        }
        let own = KeyedHash::new(&key, domain).of(values.iter().map(String::as_str));
        assert_eq!(own[..], peer.finalize().into_bytes()[..WIDTH]);
    }

    #[test]
    fn where_one_value_ends_and_the_next_begins_is_hashed() {
        let hash = KeyedHash::new(&[7; 32], "a,b");
        assert_ne!(hash.of(["ab", "c"]), hash.of(["a", "bc"]));
        assert_ne!(hash.of(["ab"]), hash.of(["ab", ""]));
        assert_ne!(hash.of(["x"]), KeyedHash::new(&[7; 32], "a").of(["x"]));
    }
}
