//! One person of the population, as things truly are, before any partner writes them down.

use super::career::{CSU, Enrollment, LACCD, Season, System, Term};
use super::county::County;
use super::dates::Date;
use super::dice::Dice;
use super::names::{Name, Pools};

/// Share of the population that the districts graduated. The others are college students from elsewhere: at these
/// rates about three in ten students of either college file.
const GRADUATES: f64 = 0.80;
const OTHERS_AT_LACCD: f64 = 0.60;
const OTHERS_AT_BOTH: f64 = 0.05;
/// Share of people born on the same day as a brother or sister of the same graduating class.
const TWINS: f64 = 0.01;
/// Share of the others who bear the name and the birth date of a graduate by chance.
const NAMESAKES: f64 = 0.005;

/// Chances of a graduate before school, ethnicity and language weigh in.
const GOES_TO_CSU: f64 = 0.26;
const GOES_TO_LACCD: f64 = 0.42;
const GOES_TO_LACCD_TOO: f64 = 0.12;
/// Of the graduates at the college district: share with a course there before they completed high school, and the share
/// of these who never came back.
const DUAL_ENROLLED: f64 = 0.12;
const DUAL_ONLY: f64 = 0.40;

/// Completion status codes of CALPADS, by weight.
const COMPLETIONS: [(&str, u32); 6] = [("100", 940), ("106", 6), ("120", 16), ("250", 8), ("320", 10), ("330", 20)];

/// How someone completed high school.
#[derive(Clone, Copy)]
pub(super) struct Graduation {
    /// Index into the county's schools.
    pub(super) school: usize,
    pub(super) cohort_year: i32,
    pub(super) status: &'static str,
    pub(super) date: Date,
    pub(super) english_learner: bool,
    pub(super) foster: bool,
}

/// A person with all that is true of them.
#[derive(Clone)]
pub(super) struct Person {
    pub(super) index: u64,
    pub(super) first: Name,
    pub(super) last: Name,
    pub(super) birth: Date,
    pub(super) gender: &'static str,
    pub(super) ethnicity: &'static str,
    pub(super) graduation: Option<Graduation>,
    /// Terms at the college district and at the university; empty for someone who was never there.
    pub(super) laccd: Vec<Enrollment>,
    pub(super) csu: Vec<Enrollment>,
}

/// How a person relates to one made before, where they do.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Relation {
    None,
    Twin,
    Namesake,
}

/// What all people of one run have in common.
pub(super) struct World {
    pub(super) pools: Pools,
    pub(super) county: County,
    pub(super) as_of: Date,
}

impl World {
    /// The cohorts in the extracts: the three years whose graduates have had 15 months by `as_of`.
    fn cohort_year(&self, dice: &mut Dice) -> i32 {
        dice.between(self.as_of.year() - 3, self.as_of.year() - 1)
    }

    /// The next person. `before` is the graduate made last, if any: a twin or a namesake takes after them.
    pub(super) fn person(&self, index: u64, before: Option<&Person>, dice: &mut Dice) -> (Person, Relation) {
        if dice.chance(GRADUATES) {
            match before {
                // Half the rate, since each pair makes two people; divided by the chance to get here.
                Some(sibling) if dice.chance(TWINS / 2.0 / GRADUATES) => {
                    (self.twin(index, sibling, dice), Relation::Twin)
                }
                _ => (self.graduate(index, dice), Relation::None),
            }
        } else {
            let mut other = self.other(index, dice);
            match before {
                Some(graduate) if dice.chance(NAMESAKES) => {
                    other.first.clone_from(&graduate.first);
                    other.last.clone_from(&graduate.last);
                    other.birth = graduate.birth;
                    (other, Relation::Namesake)
                }
                _ => (other, Relation::None),
            }
        }
    }

    fn graduate(&self, index: u64, dice: &mut Dice) -> Person {
        let school = self.county.draw(dice);
        let cohort_year = self.cohort_year(dice);
        let ethnicity = dice.by_weight(self.county.schools[school].mix);
        let gender = gender(dice);
        let graduation = Graduation {
            school,
            cohort_year,
            status: dice.by_weight(&COMPLETIONS),
            date: completion_date(dice, cohort_year),
            english_learner: dice.chance(english_learners(ethnicity)),
            foster: dice.chance(0.01),
        };
        let mut person = Person {
            index,
            first: self.pools.first(dice, ethnicity, gender),
            last: self.pools.last(dice, ethnicity),
            birth: birth_of_graduate(dice, cohort_year),
            gender,
            ethnicity,
            graduation: Some(graduation),
            laccd: Vec::new(),
            csu: Vec::new(),
        };
        self.send_to_college(&mut person, graduation, dice);
        person
    }

    /// Same family name, birth date, school and class; another given name, another way from there.
    fn twin(&self, index: u64, sibling: &Person, dice: &mut Dice) -> Person {
        let gender = gender(dice);
        let mut first = self.pools.first(dice, sibling.ethnicity, gender);
        while first == sibling.first {
            first = self.pools.first(dice, sibling.ethnicity, gender);
        }
        let mut twin = Person { index, first, gender, laccd: Vec::new(), csu: Vec::new(), ..sibling.clone() };
        if let Some(graduation) = twin.graduation {
            self.send_to_college(&mut twin, graduation, dice);
        }
        twin
    }

    /// A college student who did not graduate from the districts in these years.
    fn other(&self, index: u64, dice: &mut Dice) -> Person {
        let mix = self.county.schools[self.county.draw(dice)].mix;
        let ethnicity = dice.by_weight(mix);
        let gender = gender(dice);
        let left_school = self.cohort_year(dice);
        let age_at_start = if dice.chance(0.7) { 18 } else { dice.between(19, 40) };
        let birth = Date::of(left_school - age_at_start, 1, 1).plus(dice.between(0, 364));
        let at_laccd = dice.chance(OTHERS_AT_LACCD);
        let at_csu = !at_laccd || dice.chance(OTHERS_AT_BOTH);
        let fall = Term { year: left_school, season: Season::Fall };
        let mut attend = |there: bool, system: &System| {
            if !there {
                return Vec::new();
            }
            let home = dice.pick(system.places);
            system.attend(dice, fall, home, self.as_of)
        };
        let (laccd, csu) = (attend(at_laccd, &LACCD), attend(at_csu, &CSU));
        let first = self.pools.first(dice, ethnicity, gender);
        let last = self.pools.last(dice, ethnicity);
        Person { index, first, last, birth, gender, ethnicity, graduation: None, laccd, csu }
    }

    fn send_to_college(&self, person: &mut Person, graduation: Graduation, dice: &mut Dice) {
        let school = &self.county.schools[graduation.school];
        let (by_ethnicity_laccd, by_ethnicity_csu) = lean(person.ethnicity);
        let language = if graduation.english_learner { -0.12 } else { 0.0 };
        let year = graduation.cohort_year;
        let to_csu = dice.chance(GOES_TO_CSU + school.towards_csu + by_ethnicity_csu + language);
        if to_csu {
            let campus = dice.pick(CSU.places);
            let first = CSU.first_term(dice, year);
            person.csu = CSU.attend(dice, first, campus, self.as_of);
        }
        let base = if to_csu { GOES_TO_LACCD_TOO } else { GOES_TO_LACCD };
        if dice.chance(base + school.towards_laccd + by_ethnicity_laccd + language / 2.0) {
            let college = if dice.chance(0.6) { school.college } else { dice.pick(LACCD.places) };
            person.laccd = self.laccd_terms(dice, year, college);
        }
    }

    fn laccd_terms(&self, dice: &mut Dice, year: i32, college: u16) -> Vec<Enrollment> {
        let mut terms = Vec::new();
        if dice.chance(DUAL_ENROLLED) {
            let (years, season) = dice.pick(&[(-1, Season::Summer), (-1, Season::Fall), (0, Season::Spring)]);
            LACCD.enrol(dice, Term { year: year + years, season }, college, &mut terms);
            if dice.chance(DUAL_ONLY) {
                return terms;
            }
        }
        let first = LACCD.first_term(dice, year);
        terms.extend(LACCD.attend(dice, first, college, self.as_of));
        terms
    }
}

fn gender(dice: &mut Dice) -> &'static str {
    dice.by_weight(&[("F", 500), ("M", 495), ("X", 5)])
}

/// Early in June for nearly all, after summer school for some.
fn completion_date(dice: &mut Dice, year: i32) -> Date {
    if dice.chance(0.95) {
        Date::of(year, 6, 2).plus(dice.between(0, 8))
    } else {
        Date::of(year, 8, 8).plus(dice.between(0, 12))
    }
}

/// Born in the twelve months to 1 September that make a class, but for those who were held back or put forward.
fn birth_of_graduate(dice: &mut Dice, cohort_year: i32) -> Date {
    let older = dice.by_weight(&[(0, 895), (1, 80), (2, 15), (-1, 10)]);
    Date::of(cohort_year - 19 - older, 9, 2).plus(dice.between(0, 364))
}

fn english_learners(ethnicity: &str) -> f64 {
    match ethnicity {
        "RH" => 0.15,
        "RA" => 0.12,
        "RF" => 0.07,
        "RW" | "RP" => 0.05,
        _ => 0.02,
    }
}

/// How an ethnicity moves the chances for the college district and the university: slightly.
fn lean(ethnicity: &str) -> (f64, f64) {
    match ethnicity {
        "RA" => (-0.06, 0.08),
        "RF" => (0.0, 0.06),
        "RW" => (-0.05, 0.0),
        "RB" => (0.02, -0.05),
        "RP" | "RI" => (0.0, -0.08),
        _ => (0.01, 0.0),
    }
}
