//! Bloom filters of letter pairs: spellings that are alike share bits, and the bits say nothing without the key.
//!
//! A letter pair sets `hashes` bits at places that the field's key draws for it (independent hashing, not double
//! hashing, whose patterns can be mined). Hardening, as configured: the filter of a longer length is folded onto itself
//! by exclusive or, and bits are replaced by random ones, the same for the same value.
//!
//! References: Schnell, Bachteler & Reiher (2009), Privacy-preserving record linkage using Bloom filters; Niedermeyer
//! et al. (2014) on double hashing; Schnell & Borgs (2016), XOR-folding for Bloom filter-based encryptions; Schnell &
//! Borgs (2016), Randomized response and balanced Bloom filters (BLIP: Alaggan, Gambs & Kermarrec 2012); Swamidass &
//! Baldi (2007) on estimating the size of a set and of an intersection from the bits set.

use std::collections::HashMap;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use zeroize::Zeroize;

use super::super::keyed_hash::KeyedHash;
use super::super::wiped::Wiped;
use crate::workspace::FilterEncoding;

/// The most bits that a letter pair sets.
const MOST_HASHES: usize = 12;

/// Makes the filters of one field domain.
pub(super) struct FilterMaker {
    encoding: FilterEncoding,
    /// The letter pairs seen so far, and which of `places` are theirs.
    seen: HashMap<[char; 2], u32>,
    places: Wiped<[u16; MOST_HASHES]>,
    /// The filter under way, before folding.
    bits: Vec<u64>,
}

impl FilterMaker {
    pub(super) fn new(encoding: FilterEncoding) -> Self {
        let words = (encoding.bits as usize >> 6) << encoding.folds;
        Self { encoding, seen: HashMap::new(), places: Wiped::new(), bits: vec![0; words] }
    }

    /// Another one for the same filters.
    pub(super) fn another(&self) -> Self {
        Self { encoding: self.encoding, seen: HashMap::new(), places: Wiped::new(), bits: vec![0; self.bits.len()] }
    }

    /// Words of a finished filter.
    pub(super) fn words(&self) -> usize {
        self.encoding.bits as usize >> 6
    }

    pub(super) fn clear(&mut self) {
        self.bits.fill(0);
    }

    /// Adds a feature: a pair of letters, or a digit and where it stands.
    pub(super) fn add(&mut self, key: &KeyedHash, feature: [char; 2]) {
        let length = self.bits.len() as u64 * 64;
        let hashes = self.encoding.hashes as usize;
        let at = *self.seen.entry(feature).or_insert_with(|| {
            self.places.push(draw(key, feature, length));
            self.places.len() as u32 - 1
        });
        for &place in &self.places[at as usize][..hashes] {
            self.bits[usize::from(place >> 6)] |= 1 << (place & 63);
        }
    }

    /// The pairs of neighbouring letters of a text, the blanks around it included.
    pub(super) fn add_text(&mut self, key: &KeyedHash, text: &str) {
        let mut last = ' ';
        for letter in text.chars().chain([' ']) {
            self.add(key, [last, letter]);
            last = letter;
        }
    }

    /// Digits with their places: what is left of a date after a typing error.
    pub(super) fn add_digits(&mut self, key: &KeyedHash, text: &str) {
        for (place, digit) in text.chars().filter(|c| *c != '-').enumerate() {
            let place = char::from_u32(0xe000 + place as u32).unwrap_or('\u{e0ff}');
            self.add(key, [place, digit]);
        }
    }

    /// Appends the folded and flipped filter to `out`; gives the number of its bits set.
    pub(super) fn finish(&mut self, key: &KeyedHash, value: &str, out: &mut Wiped<u64>) -> u32 {
        let words = self.words();
        let start = out.len();
        out.extend_from_slice(&self.bits[..words]);
        for part in self.bits[words..].chunks_exact(words) {
            out[start..].iter_mut().zip(part).for_each(|(bits, other)| *bits ^= other);
        }
        if self.encoding.flips > 0.0 {
            flip(key, value, self.encoding.flips, &mut out[start..]);
        }
        self.clear();
        out[start..].iter().map(|word| word.count_ones()).sum()
    }
}

impl Drop for FilterMaker {
    fn drop(&mut self) {
        self.bits.zeroize();
    }
}

/// Independent places for a feature, each with its own bits of a keyed hash.
fn draw(key: &KeyedHash, feature: [char; 2], length: u64) -> [u16; MOST_HASHES] {
    let text: String = feature.iter().collect();
    let mut places = [0; MOST_HASHES];
    for (half, places) in ["places 0", "places 1"].iter().zip(places.chunks_exact_mut(MOST_HASHES / 2)) {
        let hash = key.of([half, text.as_str()]);
        for (place, bytes) in places.iter_mut().zip(hash.chunks_exact(2)) {
            // A power of two: all places are equally likely.
            *place = (u64::from(u16::from_le_bytes([bytes[0], bytes[1]])) & (length - 1)) as u16;
        }
    }
    places
}

fn flip(key: &KeyedHash, value: &str, probability: f64, filter: &mut [u64]) {
    let mut seed = [0; 32];
    seed[..16].copy_from_slice(&key.of(["flips 0", value]));
    seed[16..].copy_from_slice(&key.of(["flips 1", value]));
    let mut random = ChaCha8Rng::from_seed(seed);
    seed.zeroize();
    let limit = (probability * 65536.0) as u16;
    for word in filter {
        let (mut mask, replacement) = (0_u64, random.next_u64());
        for quarter in 0..16 {
            let draws = random.next_u64();
            for place in 0..4 {
                let hit = ((draws >> (16 * place)) as u16) < limit;
                mask |= u64::from(hit) << (4 * quarter + place);
            }
        }
        *word = (*word & !mask) | (replacement & mask);
    }
}

/// Estimates how alike two filters are, in terms of the letter pairs behind them.
pub(super) struct Similarity {
    /// Letter pairs by bits set, where filters are neither folded nor flipped.
    sizes: Vec<f32>,
    /// `None`: sizes can be estimated.
    hardened: Option<f64>,
    bits: f64,
}

impl Similarity {
    pub(super) fn new(encoding: &FilterEncoding) -> Self {
        let (bits, hashes) = (f64::from(encoding.bits), f64::from(encoding.hashes));
        let size = |ones: u32| {
            let share = (f64::from(ones) / bits).min(1.0 - 0.5 / bits);
            (-(bits / hashes) * (1.0 - share).ln()) as f32
        };
        let hardened = (encoding.folds > 0 || encoding.flips > 0.0).then_some(encoding.flips);
        Self { sizes: (0..=encoding.bits).map(size).collect(), hardened, bits }
    }

    /// The Dice coefficient and the overlap coefficient of two filters, given their bits set.
    pub(super) fn of(&self, left: &[u64], right: &[u64], ones: (u32, u32)) -> (f32, f32) {
        let both: u32 = left.iter().zip(right).map(|(a, b)| (a & b).count_ones()).sum();
        let Some(flips) = self.hardened else {
            let (a, b) = (self.sizes[ones.0 as usize], self.sizes[ones.1 as usize]);
            let union = self.sizes[(ones.0 + ones.1 - both) as usize];
            let shared = (a + b - union).max(0.0);
            return (2.0 * shared / (a + b).max(1e-6), shared / a.min(b).max(1e-6));
        };
        // Agreement beyond chance over the most that flipping leaves of it.
        let (a, b) = (f64::from(ones.0), f64::from(ones.1));
        let chance = a * b / self.bits;
        let kept = (1.0 - flips) * (1.0 - flips);
        let beyond = (f64::from(both) - chance) / kept;
        let dice = beyond / ((a + b) / 2.0 - chance).max(1.0);
        let overlap = beyond / (a.min(b) - chance).max(1.0);
        (dice.clamp(0.0, 1.0) as f32, overlap.clamp(0.0, 1.0) as f32)
    }
}
