//! Days of the calendar, as whole numbers and as the partners write them.

/// A day of the Gregorian calendar. Ordered by time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Date {
    year: i32,
    month: u8,
    day: u8,
}

impl Date {
    /// The day, or `None` when the calendar has no such day.
    pub const fn new(year: i32, month: u8, day: u8) -> Option<Self> {
        if month < 1 || month > 12 || day < 1 || day > days_in(year, month) {
            return None;
        }
        Some(Self { year, month, day })
    }

    /// A day that the caller knows to exist.
    pub(super) const fn of(year: i32, month: u8, day: u8) -> Self {
        Self { year, month, day }
    }

    pub(super) const fn year(self) -> i32 {
        self.year
    }

    pub(super) const fn month(self) -> u8 {
        self.month
    }

    pub(super) const fn day(self) -> u8 {
        self.day
    }

    /// This day moved by whole days.
    pub(super) fn plus(self, days: i32) -> Self {
        Self::from_days(self.days() + days)
    }

    /// The first Monday on or after this day: terms start on Mondays.
    pub(super) fn monday(self) -> Self {
        // Day 0, 1970-01-01, was a Thursday; day 4 a Monday.
        self.plus((4 - self.days()).rem_euclid(7))
    }

    /// Day and month swapped, when that is a different day that exists.
    pub(super) fn transposed(self) -> Option<Self> {
        if self.day == self.month { None } else { Self::new(self.year, self.day, self.month) }
    }

    /// Days since 1970-01-01, by eras of 400 years counted from March (Hinnant, "chrono-compatible low-level date
    /// algorithms").
    fn days(self) -> i32 {
        let year = if self.month <= 2 { self.year - 1 } else { self.year };
        let era = year.div_euclid(400);
        let of_era = year.rem_euclid(400);
        let from_march = (i32::from(self.month) + 9) % 12;
        let of_year = (153 * from_march + 2) / 5 + i32::from(self.day) - 1;
        era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
    }

    fn from_days(days: i32) -> Self {
        let shifted = days + 719_468;
        let era = shifted.div_euclid(146_097);
        let of_era = shifted.rem_euclid(146_097);
        let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let from_march = (5 * of_year + 2) / 153;
        let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
        let day = of_year - (153 * from_march + 2) / 5 + 1;
        Self { year: year_of_era + era * 400 + i32::from(month <= 2), month: month as u8, day: day as u8 }
    }
}

const fn days_in(year: i32, month: u8) -> u8 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_back() {
        for number in -40_000..40_000 {
            let date = Date::from_days(number);
            assert_eq!(date.days(), number);
            assert_eq!(Date::new(date.year, date.month, date.day), Some(date));
        }
        assert_eq!(Date::of(1970, 1, 1).days(), 0);
        assert_eq!(Date::of(2025, 10, 5).plus(-20), Date::of(2025, 9, 15));
    }

    #[test]
    fn mondays() {
        assert_eq!(Date::of(2024, 8, 25).monday(), Date::of(2024, 8, 26));
        assert_eq!(Date::of(2024, 8, 26).monday(), Date::of(2024, 8, 26));
    }

    #[test]
    fn days_that_do_not_exist() {
        assert_eq!(Date::new(2023, 2, 29), None);
        assert_eq!(Date::new(2023, 13, 1), None);
        assert_eq!(Date::of(2006, 4, 4).transposed(), None);
        assert_eq!(Date::of(2006, 4, 13).transposed(), None);
        assert_eq!(Date::of(2006, 4, 9).transposed(), Some(Date::of(2006, 9, 4)));
    }
}
