//! Who goes to college, when, where and for how long.

use super::dates::Date;
use super::dice::Dice;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Season {
    Spring,
    Summer,
    Fall,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Term {
    pub(super) year: i32,
    pub(super) season: Season,
}

/// One student in one term at one college or campus.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Enrollment {
    pub(super) place: u16,
    pub(super) term: Term,
    pub(super) start: Date,
    /// Units attempted, in tenths.
    pub(super) tenths: u16,
}

/// How a college system works: its places, its calendar and how long students stay.
pub(super) struct System {
    pub(super) places: &'static [u16],
    /// Terms start on the first Monday from this month and day: spring, summer, fall.
    calendar: [(u8, u8); 3],
    /// Chance to be there in the next primary term.
    stays: f64,
    /// Chance to take a summer term in between.
    summers: f64,
    /// Chance to take a course at a second place in the same term.
    elsewhere: f64,
    /// When graduates of year Y start, by weight: years after Y and season.
    starts: &'static [((i32, Season), u32)],
    /// Units attempted in a primary term, in tenths, by weight.
    loads: &'static [(u16, u32)],
}

/// The nine colleges of the college district.
pub(super) const LACCD: System = System {
    places: &[741, 742, 743, 744, 745, 746, 747, 748, 749],
    calendar: [(2, 3), (6, 8), (8, 25)],
    stays: 0.74,
    summers: 0.15,
    elsewhere: 0.04,
    starts: &[
        ((0, Season::Fall), 70),
        ((0, Season::Summer), 7),
        ((1, Season::Spring), 9),
        ((1, Season::Fall), 8),
        ((2, Season::Spring), 2),
        ((2, Season::Fall), 4),
    ],
    loads: &[(120, 30), (130, 10), (150, 12), (90, 14), (60, 14), (30, 12), (35, 4), (105, 4)],
};

/// The university's four campuses in the county. The two-digit codes are made up.
pub(super) const CSU: System = System {
    places: &[21, 22, 23, 24],
    calendar: [(1, 18), (6, 1), (8, 19)],
    stays: 0.91,
    summers: 0.08,
    elsewhere: 0.0,
    starts: &[
        ((0, Season::Fall), 84),
        ((0, Season::Summer), 3),
        ((1, Season::Spring), 3),
        ((1, Season::Fall), 4),
        ((2, Season::Fall), 6),
    ],
    loads: &[(150, 40), (120, 25), (130, 10), (160, 8), (90, 6), (60, 5), (155, 6)],
};

/// Nobody takes more primary terms than this.
const MOST_TERMS: usize = 8;

impl System {
    pub(super) fn start(&self, term: Term) -> Date {
        let (month, day) = self.calendar[match term.season {
            Season::Spring => 0,
            Season::Summer => 1,
            Season::Fall => 2,
        }];
        Date::of(term.year, month, day).monday()
    }

    /// The first term of someone who left school in `year`.
    pub(super) fn first_term(&self, dice: &mut Dice, year: i32) -> Term {
        let (years, season) = dice.by_weight(self.starts);
        Term { year: year + years, season }
    }

    /// The terms from `first` on, as far as they began by `as_of`. Home is where most of them are spent.
    pub(super) fn attend(&self, dice: &mut Dice, first: Term, home: u16, as_of: Date) -> Vec<Enrollment> {
        let mut enrolled = Vec::new();
        let mut term = first;
        for _ in 0..MOST_TERMS {
            if self.start(term) > as_of {
                break;
            }
            self.enrol(dice, term, home, &mut enrolled);
            if !dice.chance(self.stays) {
                break;
            }
            let summer = Term { year: term.year, season: Season::Summer };
            if term.season == Season::Spring && dice.chance(self.summers) && self.start(summer) <= as_of {
                self.enrol(dice, summer, home, &mut enrolled);
            }
            term = match term.season {
                Season::Fall => Term { year: term.year + 1, season: Season::Spring },
                Season::Spring | Season::Summer => Term { year: term.year, season: Season::Fall },
            };
        }
        enrolled
    }

    /// One term, now and then at two places.
    pub(super) fn enrol(&self, dice: &mut Dice, term: Term, home: u16, into: &mut Vec<Enrollment>) {
        let start = self.start(term);
        let tenths = match term.season {
            Season::Summer => dice.pick(&[30, 35, 40, 60]),
            Season::Spring | Season::Fall => dice.by_weight(self.loads),
        };
        into.push(Enrollment { place: home, term, start, tenths });
        if dice.chance(self.elsewhere) {
            let place = dice.pick(self.places);
            if place != home {
                into.push(Enrollment { place, term, start, tenths: 30 });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terms_follow_each_other_and_none_begins_after_the_day() {
        let as_of = Date::of(2025, 10, 5);
        for seed in 0..200 {
            let first = Term { year: 2023, season: Season::Fall };
            let terms = LACCD.attend(&mut Dice::new(seed, 0), first, 741, as_of);
            assert!(terms.is_sorted_by_key(|enrolled| enrolled.start));
            assert!(terms.iter().all(|enrolled| enrolled.start <= as_of));
            assert_eq!(terms[0].start, Date::of(2023, 8, 28));
        }
    }
}
