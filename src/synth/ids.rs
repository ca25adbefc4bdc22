//! Numbers that partners know a person by: no two people share one, and no order of people shows in them.

use super::dice::Dice;

/// A one-to-one map of `0..size` onto itself, keyed by the seed: a Feistel network over the next even number of bits,
/// walked until it lands inside. No table, so that a billion ids cost nothing to hold.
struct Permutation {
    size: u64,
    half_bits: u32,
    keys: [u64; 4],
}

impl Permutation {
    fn new(size: u64, dice: &mut Dice) -> Self {
        let bits = 64 - size.leading_zeros();
        Self { size, half_bits: bits.div_ceil(2).max(1), keys: [dice.bits(), dice.bits(), dice.bits(), dice.bits()] }
    }

    fn apply(&self, index: u64) -> u64 {
        debug_assert!(index < self.size);
        let mut value = index;
        loop {
            value = self.round_trip(value);
            if value < self.size {
                return value;
            }
        }
    }

    fn round_trip(&self, value: u64) -> u64 {
        let mask = (1_u64 << self.half_bits) - 1;
        let (mut left, mut right) = (value >> self.half_bits, value & mask);
        for key in self.keys {
            (left, right) = (right, left ^ (mix(right ^ key) & mask));
        }
        (left << self.half_bits) | right
    }
}

/// The finaliser of SplitMix64.
fn mix(value: u64) -> u64 {
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

/// How many state identifiers there are: ten digits, the first not zero, without the placeholder `9999999999`.
pub(super) const SSIDS: u64 = 8_999_999_999;

/// Every number space of the county.
pub(super) struct Ids {
    ssid: Permutation,
    local: Permutation,
    laccd: Permutation,
    csu: Permutation,
}

impl Ids {
    /// `people` is at most [`SSIDS`]. The colleges' ids get longer than their usual 7 and 9 digits only when there
    /// are more people than such numbers.
    pub(super) fn new(people: u64, dice: &mut Dice) -> Self {
        let mut space = |usual: u64| Permutation::new(usual.max(people), dice);
        Self { ssid: space(SSIDS), local: space(999_999_999), laccd: space(9_999_999), csu: space(999_999_999) }
    }

    /// The statewide student identifier: ten digits.
    pub(super) fn ssid(&self, person: u64) -> u64 {
        1_000_000_000 + self.ssid.apply(person)
    }

    /// The district's own number: nine digits, zero padded.
    pub(super) fn local(&self, person: u64) -> u64 {
        1 + self.local.apply(person)
    }

    /// The college district's student id: seven digits, zero padded.
    pub(super) fn laccd(&self, person: u64) -> u64 {
        1 + self.laccd.apply(person)
    }

    /// The university's student id: nine digits, zero padded.
    pub(super) fn csu(&self, person: u64) -> u64 {
        1 + self.csu.apply(person)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_permutation_hits_each_number_once() {
        for size in [1, 2, 3, 1000, 4097] {
            let permutation = Permutation::new(size, &mut Dice::new(7, 1));
            let mut hit: Vec<u64> = (0..size).map(|index| permutation.apply(index)).collect();
            hit.sort_unstable();
            assert_eq!(hit, (0..size).collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_state_id_has_ten_digits_and_is_no_placeholder() {
        let ids = Ids::new(1000, &mut Dice::new(7, 1));
        assert!((0..1000).all(|person| (1_000_000_000..9_999_999_999).contains(&ids.ssid(person))));
    }
}
