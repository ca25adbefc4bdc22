//! Averages and ratios: what a printed quotient says about what it was made of.
//!
//! An average is the ratio of a sum to a count. Published beside its count it gives the sum to within its rounding, and
//! beside its sum the count. So it is a relation between two measures, as a rate is
//! ([`PublicRate`](crate::disclosure::PublicRate) with the sum above the line), and it is hidden wherever either of them is
//! or would follow.

use super::contributions::Contributions;
use super::magnitude::{MagnitudeRule, Sensitive};

/// The quotient `scale * sum / count`, rounded half up; `None` for an empty cell or where it does not fit 64 bits.
pub fn average_of(sum: i64, count: i64, scale: i64) -> Option<i64> {
    let (sum, count, scale) = (i128::from(sum), i128::from(count), i128::from(scale));
    let doubled = sum.checked_mul(scale)?.checked_mul(2)?.checked_add(count)?;
    if count <= 0 || sum < 0 || scale <= 0 {
        return None;
    }
    i64::try_from(doubled / (2 * count)).ok()
}

/// The least and the greatest sum that a printed average of so many admits, if a half may have been rounded either way:
/// `(2 printed - 1) count <= 2 scale sum <= (2 printed + 1) count`, not below 0.
pub fn implied_sum(printed: i64, count: i64, scale: i64) -> (i64, i64) {
    let (printed, count, scale) = (i128::from(printed), i128::from(count), i128::from(scale.max(1)));
    let low = ((2 * printed - 1) * count).max(0);
    let high = ((2 * printed + 1) * count).max(0);
    (clamped((low + 2 * scale - 1) / (2 * scale)), clamped(high / (2 * scale)))
}

/// The least and the greatest count that a printed average of a known sum admits, at least 1; the greatest is
/// [`i64::MAX`] where the average is printed as 0.
pub fn implied_count(printed: i64, sum: i64, scale: i64) -> (i64, i64) {
    let (printed, sum, scale) = (i128::from(printed), i128::from(sum), i128::from(scale.max(1)));
    let above = 2 * printed + 1;
    let low = ((2 * scale * sum + above - 1) / above).max(1);
    let below = 2 * printed - 1;
    (clamped(low), if below > 0 { clamped(2 * scale * sum / below) } else { i64::MAX })
}

/// Whether an average must be hidden: its sum is sensitive, or so few people stand behind it that the count is hidden.
pub fn sensitive_average(rules: &[MagnitudeRule], cell: &Contributions, minimum: u64) -> Option<Sensitive> {
    let few = MagnitudeRule::Contributors { minimum, range: 0 };
    let rules: Vec<MagnitudeRule> = rules.iter().copied().chain([few]).collect();
    MagnitudeRule::judge(&rules, cell)
}

fn clamped(value: i128) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
