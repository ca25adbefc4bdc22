//! The dirt that partners really ship: how often each kind comes, and what it does to a name or a date.

use super::dice::Dice;

/// Exact copies of a row.
pub(super) const GRADUATE_DUPLICATE: f64 = 0.001;
pub(super) const LACCD_DUPLICATE: f64 = 0.005;
/// Rows that a contract has to reject: a handful.
pub(super) const GRADUATE_BAD_BIRTH_DATE: f64 = 0.0012;
pub(super) const GRADUATE_BLANK_REQUIRED: f64 = 0.0012;
pub(super) const GRADUATE_BAD_ETHNICITY: f64 = 0.0012;
/// How a college knows a student otherwise than the district does. Only dates whose day can be a month can be
/// transposed (about two in five) and only some names have a short form: of all students, 1 % and 2 %.
pub(super) const TRANSPOSED: f64 = 0.028;
pub(super) const NICKNAME: f64 = 0.055;
pub(super) const TYPO: f64 = 0.01;
/// Student ids that passed through a spreadsheet, by row.
pub(super) const LACCD_EXCEL_ID: f64 = 0.15;
/// State ids at the colleges, by student; the later kinds among the students who have none of the earlier.
pub(super) const LACCD_BLANK_SSID: f64 = 0.45;
pub(super) const LACCD_EXCEL_SSID: f64 = 0.006;
pub(super) const CSU_BLANK_SSID: f64 = 0.60;
pub(super) const PLACEHOLDER_SSID: f64 = 0.008;
/// Names at the college district, by student.
pub(super) const LACCD_UPPER_CASE: f64 = 0.12;
pub(super) const LACCD_SUFFIX: f64 = 0.008;
pub(super) const LACCD_ACCENTS_DROPPED: f64 = 0.5;
/// Missing values at the university, by student.
pub(super) const CSU_NO_BIRTH_DATE: f64 = 0.015;
pub(super) const CSU_NO_RESIDENCE: f64 = 0.02;

macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident = $name:literal,)*) => {
        /// Every kind of dirt, and every kind of likeness between two people, that is counted.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum Dirt { $($(#[$doc])* $kind,)* }

        impl Dirt {
            /// All kinds in the order of the truth file.
            pub(super) const ALL: &'static [Dirt] = &[$(Dirt::$kind,)*];

            /// The name in the truth file. It ends in what is counted, if that is not students.
            pub(super) const fn name(self) -> &'static str {
                match self { $(Dirt::$kind => $name,)* }
            }
        }
    };
}

kinds! {
    /// A graduate's row shipped twice.
    GraduateDuplicate = "graduates_duplicate_rows",
    /// A birth date that no calendar has.
    GraduateBadBirthDate = "graduates_invalid_birth_date_rows",
    /// A blank where a value is required: birth date, school or completion date.
    GraduateBlankRequired = "graduates_blank_required_rows",
    /// An ethnicity code that CDE does not have.
    GraduateBadEthnicity = "graduates_unknown_ethnicity_rows",
    /// An enrollment row shipped twice.
    LaccdDuplicate = "laccd_duplicate_rows",
    /// A student id written as a spreadsheet formula.
    LaccdExcelId = "laccd_excel_student_id_rows",
    LaccdBlankSsid = "laccd_blank_ssid",
    /// A state id turned into a floating-point number.
    LaccdExcelSsid = "laccd_excel_ssid",
    LaccdPlaceholderSsid = "laccd_placeholder_ssid",
    LaccdUpperCase = "laccd_upper_case_name",
    /// A family name with a suffix behind a comma.
    LaccdSuffix = "laccd_suffixed_name",
    LaccdAccentsDropped = "laccd_accents_dropped",
    LaccdTransposed = "laccd_transposed_birth_date",
    LaccdNickname = "laccd_nickname",
    LaccdTypo = "laccd_last_name_typo",
    CsuBlankSsid = "csu_blank_ssid",
    CsuPlaceholderSsid = "csu_placeholder_ssid",
    CsuNoBirthDate = "csu_missing_birth_date",
    CsuTransposed = "csu_transposed_birth_date",
    CsuNickname = "csu_nickname",
    CsuTypo = "csu_last_name_typo",
    /// A name longer than its columns.
    CsuTruncated = "csu_truncated_name",
    CsuNoResidence = "csu_missing_residence",
    /// Two graduates with one family name and one birth date, in one class.
    Twins = "twin_pairs",
    /// A student from elsewhere with the name and birth date of a graduate.
    Namesake = "namesakes",
}

/// How often each kind was put in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Tally([u64; Dirt::ALL.len()]);

impl Tally {
    pub(super) const fn new() -> Self {
        Self([0; Dirt::ALL.len()])
    }

    pub(super) fn count(&mut self, kind: Dirt) {
        self.0[kind as usize] += 1;
    }

    pub(super) fn of(&self, kind: Dirt) -> u64 {
        self.0[kind as usize]
    }

    pub(super) fn add(&mut self, other: &Self) {
        for (sum, more) in self.0.iter_mut().zip(other.0) {
            *sum += more;
        }
    }
}

/// The name with one slip of the keyboard behind its first letter; always another name.
pub(super) fn mistype(name: &str, dice: &mut Dice) -> String {
    let mut letters: Vec<char> = name.chars().collect();
    if letters.len() < 3 {
        letters.push('e');
        return letters.into_iter().collect();
    }
    let at = 1 + dice.below(letters.len() as u64 - 2) as usize;
    match dice.below(4) {
        0 if letters[at] != letters[at + 1] => letters.swap(at, at + 1),
        1 => letters.insert(at, letters[at]),
        2 => letters[at] = if letters[at] == 'e' { 'a' } else { 'e' },
        _ => {
            letters.remove(at);
        }
    }
    letters.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typo_makes_another_name() {
        let mut dice = Dice::new(3, 3);
        for name in ["Li", "Lee", "Hernandez", "Peña", "Dela Cruz", "Oh"] {
            assert!((0..200).all(|_| mistype(name, &mut dice) != name), "{name}");
        }
    }

    #[test]
    fn kinds_are_numbered_in_order() {
        assert!(Dirt::ALL.iter().enumerate().all(|(at, kind)| *kind as usize == at));
    }
}
