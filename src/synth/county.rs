//! The made-up county: its four districts and their high schools. None of the codes belongs to a real place.

use super::dice::Dice;

/// County and district codes (CDS, seven digits) with their share of the schools, in percent.
const DISTRICTS: [(&str, usize); 4] = [("1990017", 56), ("1990025", 20), ("1990033", 13), ("1990041", 11)];

/// Graduates of one cohort per school, about: decides how many schools there are.
const GRADUATES_PER_SCHOOL: u64 = 250;
const FEWEST_SCHOOLS: u64 = 16;
const MOST_SCHOOLS: u64 = 400;

/// CDE ethnicity codes with their share per mille, for the four kinds of neighbourhoods that a school can stand in.
/// Across the county they come near to the shares of Los Angeles.
type Mix = [(&'static str, u32); 9];
#[rustfmt::skip]
const MIXES: [(Mix, u32); 4] = [
    ([("RH", 890), ("RB", 45), ("RW", 22), ("RA", 18), ("RF", 10), ("RT", 8), ("RD", 4), ("RP", 2), ("RI", 1)], 52),
    ([("RH", 660), ("RB", 285), ("RW", 15), ("RA", 12), ("RF", 6), ("RT", 13), ("RD", 5), ("RP", 3), ("RI", 1)], 18),
    ([("RH", 480), ("RB", 55), ("RW", 290), ("RA", 80), ("RF", 45), ("RT", 34), ("RD", 11), ("RP", 2), ("RI", 3)], 20),
    ([("RH", 560), ("RB", 35), ("RW", 90), ("RA", 230), ("RF", 50), ("RT", 20), ("RD", 8), ("RP", 5), ("RI", 2)], 10),
];

/// A high school.
pub(super) struct School {
    pub(super) district: &'static str,
    /// The last seven digits of its CDS code.
    pub(super) code: String,
    pub(super) mix: &'static Mix,
    /// How much likelier its graduates go to the college district and to the university than the county's.
    pub(super) towards_laccd: f64,
    pub(super) towards_csu: f64,
    /// The college next door.
    pub(super) college: u16,
}

/// All schools and how large they are.
pub(super) struct County {
    pub(super) schools: Vec<School>,
    cumulated: Vec<u64>,
}

impl County {
    pub(super) fn new(graduates_per_cohort: u64, dice: &mut Dice) -> Self {
        let count = (graduates_per_cohort / GRADUATES_PER_SCHOOL).clamp(FEWEST_SCHOOLS, MOST_SCHOOLS) as usize;
        let schools = (0..count).map(|number| school(number, count, dice)).collect();
        let mut sum = 0;
        let cumulated = (0..count)
            .map(|_| {
                sum += weight(dice);
                sum
            })
            .collect();
        Self { schools, cumulated }
    }

    /// A school, drawn by size.
    pub(super) fn draw(&self, dice: &mut Dice) -> usize {
        dice.weighted(&self.cumulated)
    }
}

/// Sizes are skewed: the largest schools are some twenty times the smallest.
fn weight(dice: &mut Dice) -> u64 {
    let drawn = 1 + dice.below(1000);
    60_000 + drawn * drawn
}

fn school(number: usize, count: usize, dice: &mut Dice) -> School {
    // Two ranges, as in the state's directory: charters begin with zeros, the others with the county.
    let code = if number % 3 == 1 { 1_930_013 + 41 * number } else { 20_011 + 259 * number };
    let weights = MIXES.each_ref().map(|(mix, share)| (mix, *share));
    School {
        district: district(number, count),
        code: format!("{code:07}"),
        mix: dice.by_weight(&weights),
        towards_laccd: 0.24 * (dice.unit() - 0.5),
        towards_csu: 0.24 * (dice.unit() - 0.5),
        college: 741 + dice.below(9) as u16,
    }
}

fn district(number: usize, count: usize) -> &'static str {
    let percent = number * 100 / count;
    let mut upto = 0;
    for (code, share) in DISTRICTS {
        upto += share;
        if percent < upto {
            return code;
        }
    }
    DISTRICTS[0].0
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn schools_are_unique_and_in_four_districts() {
        for graduates in [10, 10_000, 10_000_000] {
            let county = County::new(graduates, &mut Dice::new(1, 1));
            let codes: HashSet<_> = county.schools.iter().map(|school| &school.code).collect();
            let districts: HashSet<_> = county.schools.iter().map(|school| school.district).collect();
            assert_eq!(codes.len(), county.schools.len());
            assert!((16..=400).contains(&codes.len()));
            assert!(codes.iter().all(|code| code.len() == 7));
            assert_eq!(districts.len(), 4);
        }
        assert_eq!(County::new(10, &mut Dice::new(1, 1)).schools[0].code, "0020011");
    }

    #[test]
    fn shares_are_per_mille() {
        assert!(MIXES.iter().all(|(mix, _)| mix.iter().map(|(_, share)| share).sum::<u32>() == 1000));
        assert_eq!(DISTRICTS.iter().map(|(_, share)| share).sum::<usize>(), 100);
    }
}
