//! A small generator of pseudo-random numbers that is the same everywhere: SplitMix64 (G. L. Steele, D. Lea and
//! C. H. Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014). Not for keys.

/// The state of the generator.
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Random(seed)
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`, which is at least 1; its bias is below `bound` in 2^64.
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        // The product's upper half is below the bound, so it fits.
        u64::try_from((u128::from(self.next()) * u128::from(bound)) >> 64).unwrap_or(0)
    }

    /// An index below `length`, which is at least 1.
    pub(super) fn index(&mut self, length: usize) -> usize {
        let bound = u64::try_from(length).unwrap_or(u64::MAX).max(1);
        usize::try_from(self.below(bound)).unwrap_or(0)
    }
}
