//! Names: pools with skewed frequencies, so that people share names as often as real people do, and the shorter
//! forms that colleges know them by.

use std::borrow::Cow;

use super::dice::Dice;
use super::name_lists::*;

/// A name, nearly always one of the pools'.
pub(super) type Name = Cow<'static, str>;

/// A pool with the frequencies of its names: the most common first, falling as 1 / (rank + offset).
pub(super) struct Pool {
    names: &'static [&'static str],
    cumulated: Vec<u64>,
}

impl Pool {
    fn new(names: &'static [&'static str], offset: u64) -> Self {
        let weight = |rank: usize| 1_000_000 / (rank as u64 + offset);
        let cumulated = (0..names.len())
            .scan(0, |sum, rank| {
                *sum += weight(rank);
                Some(*sum)
            })
            .collect();
        Self { names, cumulated }
    }

    fn draw(&self, dice: &mut Dice) -> &'static str {
        self.names[dice.weighted(&self.cumulated)]
    }
}

/// Every pool, built once per run.
pub(super) struct Pools {
    hispanic_last: Pool,
    general_last: Pool,
    asian_last: Pool,
    filipino_last: Pool,
    armenian_last: Pool,
    pacific_last: Pool,
    hispanic_first: [Pool; 2],
    general_first: [Pool; 2],
    asian_first: [Pool; 2],
    armenian_first: [Pool; 2],
}

impl Pools {
    pub(super) fn new() -> Self {
        let last = |names| Pool::new(names, 12);
        let first = |female, male| [Pool::new(female, 15), Pool::new(male, 15)];
        Self {
            hispanic_last: last(HISPANIC_LAST),
            general_last: last(GENERAL_LAST),
            asian_last: last(ASIAN_LAST),
            filipino_last: last(FILIPINO_LAST),
            armenian_last: last(ARMENIAN_LAST),
            pacific_last: last(PACIFIC_LAST),
            hispanic_first: first(HISPANIC_FEMALE, HISPANIC_MALE),
            general_first: first(GENERAL_FEMALE, GENERAL_MALE),
            asian_first: first(ASIAN_FEMALE, ASIAN_MALE),
            armenian_first: first(ARMENIAN_FEMALE, ARMENIAN_MALE),
        }
    }

    /// A family name for someone of this ethnicity (a CDE code).
    pub(super) fn last(&self, dice: &mut Dice, ethnicity: &str) -> Name {
        let (main, other, main_share) = match ethnicity {
            "RH" => (&self.hispanic_last, &self.general_last, 0.96),
            "RW" => (&self.general_last, &self.armenian_last, 0.80),
            "RB" => (&self.general_last, &self.hispanic_last, 0.97),
            "RA" => (&self.asian_last, &self.general_last, 0.94),
            "RF" => (&self.filipino_last, &self.hispanic_last, 0.55),
            "RP" => (&self.pacific_last, &self.general_last, 0.80),
            _ => (&self.general_last, &self.hispanic_last, 0.50),
        };
        let pool = if dice.chance(main_share) { main } else { other };
        let hispanic = std::ptr::eq(pool, &self.hispanic_last);
        if dice.chance(RARE_LAST_NAME) {
            return Cow::Owned(rare_last(dice, hispanic));
        }
        let name = pool.draw(dice);
        if hispanic && dice.chance(DOUBLE_LAST_NAME) {
            let second = if dice.chance(0.2) { dice.pick(LONG_SECOND) } else { pool.draw(dice) };
            let joint = if dice.chance(0.4) { '-' } else { ' ' };
            return Cow::Owned(format!("{name}{joint}{second}"));
        }
        Cow::Borrowed(name)
    }

    /// A given name. `gender` is `F`, `M` or `X`.
    pub(super) fn first(&self, dice: &mut Dice, ethnicity: &str, gender: &str) -> Name {
        let (own, own_share) = match ethnicity {
            "RH" => (&self.hispanic_first, 0.55),
            "RF" => (&self.hispanic_first, 0.35),
            "RA" => (&self.asian_first, 0.30),
            "RW" => (&self.armenian_first, 0.12),
            _ => (&self.hispanic_first, 0.08),
        };
        let side = match gender {
            "F" => 0,
            "M" => 1,
            _ => usize::from(dice.chance(0.5)),
        };
        let pool = if dice.chance(own_share) { &own[side] } else { &self.general_first[side] };
        Cow::Borrowed(pool.draw(dice))
    }
}

/// Share of people whose family name is outside the common pool: the long tail that real names have.
const RARE_LAST_NAME: f64 = 0.12;
/// Second family names that make a double name longer than some systems have room for.
const LONG_SECOND: &[&str] = &["de la Torre", "de la Cruz", "de la Fuente", "Montes de Oca", "Ponce de León"];
/// Share of people from the Hispanic pool who carry both parents' names.
const DOUBLE_LAST_NAME: f64 = 0.12;

fn rare_last(dice: &mut Dice, hispanic: bool) -> String {
    if hispanic {
        [dice.pick(RARE_START), dice.pick(RARE_MIDDLE), dice.pick(RARE_END)].concat()
    } else {
        [dice.pick(RARE_STEM), dice.pick(RARE_SUFFIX)].concat()
    }
}

/// The everyday form of a given name, if it has one.
pub(super) fn nickname(first: &str) -> Option<&'static str> {
    NICKNAMES.iter().find(|(formal, _)| *formal == first).map(|(_, short)| *short)
}

/// Drops accents: what a system that knows ASCII alone makes of a name.
pub(super) fn ascii(name: &str) -> String {
    name.chars().map(ascii_letter).collect()
}

fn ascii_letter(letter: char) -> char {
    match letter {
        'á' | 'à' | 'ä' | 'ã' => 'a',
        'é' | 'è' | 'ë' => 'e',
        'í' | 'ï' => 'i',
        'ó' | 'ò' | 'ö' | 'õ' => 'o',
        'ú' | 'ü' => 'u',
        'ñ' => 'n',
        'ç' => 'c',
        'Á' => 'A',
        'É' => 'E',
        'Í' => 'I',
        'Ó' => 'O',
        'Ú' => 'U',
        'Ñ' => 'N',
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn pools_are_large_and_every_name_fits_windows_1252() {
        let first: HashSet<_> = [
            HISPANIC_FEMALE,
            HISPANIC_MALE,
            GENERAL_FEMALE,
            GENERAL_MALE,
            ASIAN_FEMALE,
            ASIAN_MALE,
            ARMENIAN_FEMALE,
            ARMENIAN_MALE,
        ]
        .concat()
        .into_iter()
        .collect();
        let last: HashSet<_> = [HISPANIC_LAST, GENERAL_LAST, ASIAN_LAST, FILIPINO_LAST, ARMENIAN_LAST, PACIFIC_LAST]
            .concat()
            .into_iter()
            .collect();
        assert!(first.len() >= 200, "{} first names", first.len());
        assert!(last.len() >= 300, "{} last names", last.len());
        for name in first.iter().chain(&last).chain(RARE_END) {
            assert!(!encoding_rs::WINDOWS_1252.encode(name).2, "{name} is not Windows-1252");
            assert!(ascii(name).is_ascii(), "{name} keeps an accent");
        }
    }

    #[test]
    fn a_nickname_is_another_name() {
        assert!(NICKNAMES.iter().all(|(formal, short)| formal != short));
        assert_eq!(nickname("Robert"), Some("Bob"));
        assert_eq!(nickname("Bob"), None);
    }
}
