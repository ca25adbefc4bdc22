//! Who stands behind the total of a magnitude in a cell.

use std::fmt;

use crate::disclosure::error::DisclosureError;

/// The contributions to one cell of a magnitude, such as earnings or days, in fixed-point units (cents, tenths of a day)
/// that are the same for all cells of a table. Contributions of one organisation, or one person, are added up first:
/// these are the units that the rules protect (the "holdings" of Hundepool et al. 2012, 4.2).
#[derive(Clone, PartialEq, Eq)]
pub struct Contributions {
    contributors: u64,
    organisations: u64,
    largest: Vec<i64>,
    sum: i64,
}

impl fmt::Debug for Contributions {
    /// Shows nothing: all of it is confidential.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Contributions(..)")
    }
}

impl Contributions {
    /// `contributors`: the people behind the total. `organisations`: the units whose contributions are meant, such as
    /// employers; the same as the contributors where the people themselves are. `largest`: their contributions in
    /// descending order, all of them or as many as the rules look at. `sum`: the total of all.
    ///
    /// # Errors
    /// [`DisclosureError::InvalidTable`], without the name of a table, where they contradict each other or one is
    /// negative: the rules are proven for contributions that are not.
    pub fn new(contributors: u64, organisations: u64, largest: Vec<i64>, sum: i64) -> Result<Self, DisclosureError> {
        let fault = |what: &str| {
            Err(DisclosureError::InvalidTable { table: "of contributions".to_owned(), what: what.to_owned() })
        };
        if largest.iter().any(|&one| one < 0) || sum < 0 {
            return fault("a contribution is negative");
        }
        if largest.windows(2).any(|pair| pair[0] < pair[1]) {
            return fault("the largest contributions are not in descending order");
        }
        let listed = u64::try_from(largest.len()).unwrap_or(u64::MAX);
        let total: i128 = largest.iter().map(|&one| i128::from(one)).sum();
        let rest = i128::from(sum) - total;
        if listed > organisations || (organisations == 0 && contributors > 0) {
            return fault("there are more contributions than contributors");
        }
        // The contributions that are not listed are at most the smallest listed one each.
        let room = largest.last().map_or(i128::from(i64::MAX), |&least| i128::from(least));
        if rest < 0 || rest > room.saturating_mul(i128::from(organisations - listed)) {
            return fault("the largest contributions and the sum contradict each other");
        }
        Ok(Contributions { contributors, organisations, largest, sum })
    }

    /// From all contributions, in any order, one person or organisation each.
    ///
    /// # Errors
    /// As [`Contributions::new`]; a sum that is too large for 64 bits.
    pub fn of(mut all: Vec<i64>) -> Result<Self, DisclosureError> {
        all.sort_unstable_by(|a, b| b.cmp(a));
        let count = u64::try_from(all.len()).unwrap_or(u64::MAX);
        let sum = all.iter().try_fold(0_i64, |sum, &one| sum.checked_add(one));
        let Some(sum) = sum else {
            let what = "the sum of the contributions is too large".to_owned();
            return Err(DisclosureError::InvalidTable { table: "of contributions".to_owned(), what });
        };
        Contributions::new(count, count, all, sum)
    }

    /// The people behind the total.
    pub fn contributors(&self) -> u64 {
        self.contributors
    }

    /// The units whose contributions are meant.
    pub fn organisations(&self) -> u64 {
        self.organisations
    }

    /// The total.
    pub fn sum(&self) -> i64 {
        self.sum
    }

    /// The largest contribution.
    pub(super) fn first(&self) -> i128 {
        self.largest.first().map_or(0, |&one| i128::from(one))
    }

    /// The sum of the `count` largest. Where fewer are listed the others count as much as the last listed one, or what
    /// is left: never less than the truth, so that a rule errs on the safe side.
    pub(super) fn top(&self, count: u64) -> i128 {
        let listed = self.largest.iter().take(usize::try_from(count).unwrap_or(usize::MAX));
        let sum: i128 = listed.map(|&one| i128::from(one)).sum();
        let missing =
            count.min(self.organisations).saturating_sub(u64::try_from(self.largest.len()).unwrap_or(u64::MAX));
        let each = self.largest.last().map_or(i128::from(self.sum), |&one| i128::from(one));
        (sum + each.saturating_mul(i128::from(missing))).min(i128::from(self.sum))
    }
}
