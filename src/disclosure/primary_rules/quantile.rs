//! Medians and other quantiles (rule S13): printed only with enough people on both sides, rounded, never the least or the
//! greatest value.
//!
//! A quantile is the value of one or two people. What keeps it from being theirs is that nobody knows whose it is: with
//! `m` people on each side, who knows fewer than `m` of the values cannot place it. Rounding keeps the value itself open.

use crate::disclosure::error::DisclosureError;

/// How quantiles are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quantile {
    /// The smallest group, at least 10.
    pub minimum: u64,
    /// People who must be strictly on each side of the printed value's place, at least 3.
    pub each_side: u64,
    /// Printed values are multiples of this, in the units of the values.
    pub grain: i64,
}

/// Why a quantile is not printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QuantileFault {
    /// Too few people in the group.
    FewPeople,
    /// Too few people on one side: the quantile is near the least or the greatest value.
    NearTheEnd,
    /// So many people have the value that everybody's would be known: more than half have one value within the grain.
    Homogeneous,
}

impl Quantile {
    /// Checks the parameters.
    ///
    /// # Errors
    /// [`DisclosureError::InvalidPolicy`].
    pub fn check(&self) -> Result<(), DisclosureError> {
        if self.minimum < 10 || self.each_side < 3 || self.grain < 1 {
            let what =
                "quantiles need a minimum group of 10, 3 people on each side and a grain of at least 1".to_owned();
            return Err(DisclosureError::InvalidPolicy { what });
        }
        Ok(())
    }

    /// The places, counted from 1, of the one or two values of which the quantile at `part` of `whole` is made, in a group of
    /// `count`, or why it is not printed.
    ///
    /// # Errors
    /// [`QuantileFault::FewPeople`] and [`QuantileFault::NearTheEnd`]; the values themselves are not looked at.
    pub fn places(&self, count: u64, part: u64, whole: u64) -> Result<(u64, u64), QuantileFault> {
        if count < self.minimum {
            return Err(QuantileFault::FewPeople);
        }
        let scaled = u128::from(part) * u128::from(count);
        let whole = u128::from(whole.max(1));
        let last = u64::try_from(scaled.div_ceil(whole)).unwrap_or(u64::MAX);
        let (low, high) = if scaled % whole == 0 { (last, last.saturating_add(1)) } else { (last, last) };
        if low <= self.each_side || count.saturating_sub(high) < self.each_side || high > count {
            return Err(QuantileFault::NearTheEnd);
        }
        Ok((low, high))
    }

    /// A value as it is printed: the nearest multiple of the grain, halves up; none where it does not fit 64 bits.
    pub fn rounded(&self, value: i64) -> Option<i64> {
        i64::try_from(self.nearest(2 * i128::from(value))).ok()
    }

    /// The multiple of the grain that is nearest to half of a number.
    fn nearest(&self, doubled: i128) -> i128 {
        let grain = i128::from(self.grain);
        (doubled + grain).div_euclid(2 * grain) * grain
    }

    /// The quantile at `part` of `whole` (1 of 2 is the median) of values in ascending order, rounded to the grain, or why
    /// it is not printed.
    ///
    /// Its place is the least with at least that part of the values at or below it; where exactly that part is, the mean
    /// of it and the next (R. J. Hyndman and Y. Fan, "Sample quantiles in statistical packages", The American
    /// Statistician 50 (1996), definition 2).
    ///
    /// # Errors
    /// [`QuantileFault`].
    pub fn printed(&self, ascending: &[i64], part: u64, whole: u64) -> Result<i64, QuantileFault> {
        let count = u64::try_from(ascending.len()).unwrap_or(u64::MAX);
        let (low, high) = self.places(count, part, whole)?;
        let at = |place: u64| usize::try_from(place - 1).ok().and_then(|index| ascending.get(index)).copied();
        let (Some(low), Some(high)) = (at(low), at(high)) else { return Err(QuantileFault::NearTheEnd) };
        let printed = self.nearest(i128::from(low) + i128::from(high));
        let same = ascending.iter().filter(|&&value| self.nearest(2 * i128::from(value)) == printed).count();
        if 2 * same > ascending.len() {
            return Err(QuantileFault::Homogeneous);
        }
        i64::try_from(printed).map_err(|_| QuantileFault::NearTheEnd)
    }
}
