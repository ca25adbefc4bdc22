//! Randomness whose every draw is spelt out here, so that the same seed gives the same bytes on any machine and with
//! any later version of a library of distributions.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// Random draws of one stream of one seed.
pub(super) struct Dice(ChaCha8Rng);

impl Dice {
    /// Streams of the same seed are independent of each other.
    pub(super) fn new(seed: u64, stream: u64) -> Self {
        let mut bytes = *b"........accord synth, version 1.";
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        let mut rng = ChaCha8Rng::from_seed(bytes);
        rng.set_stream(stream);
        Self(rng)
    }

    pub(super) fn bits(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// A whole number in `0..bound`. The bias, below bound / 2^64, cannot be seen.
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.bits()) * u128::from(bound)) >> 64) as u64
    }

    /// A whole number in `low..=high`.
    pub(super) fn between(&mut self, low: i32, high: i32) -> i32 {
        low + self.below((high - low + 1) as u64) as i32
    }

    /// A number in `[0, 1)`.
    pub(super) fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1_u64 << 53) as f64
    }

    pub(super) fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    pub(super) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len() as u64) as usize]
    }

    /// An index, drawn by the running sums of the weights.
    pub(super) fn weighted(&mut self, cumulated: &[u64]) -> usize {
        let total = cumulated.last().copied().unwrap_or(0);
        let drawn = self.below(total);
        cumulated.partition_point(|sum| *sum <= drawn)
    }

    /// An item, drawn by its weight in a short list.
    pub(super) fn by_weight<T: Copy>(&mut self, items: &[(T, u32)]) -> T {
        let total: u64 = items.iter().map(|(_, weight)| u64::from(*weight)).sum();
        let mut left = self.below(total);
        for (item, weight) in items {
            match left.checked_sub(u64::from(*weight)) {
                Some(rest) => left = rest,
                None => return *item,
            }
        }
        items[items.len() - 1].0
    }

    pub(super) fn shuffle<T>(&mut self, items: &mut [T]) {
        for end in (1..items.len()).rev() {
            items.swap(end, self.below(end as u64 + 1) as usize);
        }
    }
}
