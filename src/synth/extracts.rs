//! What each partner writes down about a person: one function per extract, with its layout.
//!
//! - `lausd`: caret-delimited, no header, CRLF, Windows-1252. Record type `GRAD`, SSID, local id, first name, last name,
//!   birth date (YYYYMMDD), gender, district (CDS, 7), school (CDS, 7), cohort year, completion status, completion date
//!   (YYYYMMDD), ethnicity, English learner, foster.
//! - `laccd`: comma, header, UTF-8 with byte order mark, LF; [`LACCD_HEADER`]. Terms are YYYY and 1 spring, 2 summer,
//!   3 fall.
//! - `csu`: fixed width, LF, ASCII capitals, [`CSU_WIDTH`] columns: campus 1-2, term 3-7 (YYYY and 2 spring, 3 summer,
//!   4 fall), student id 8-16, last name 17-36, first name 37-51, birth date 52-59, SSID 60-69, term start 70-77, units
//!   78-81 (one implied decimal), residence 82-84.
//! - `truth`: who is who.

use super::career::{Enrollment, Season};
use super::county::County;
use super::dates::Date;
use super::dice::Dice;
use super::dirt::{self, Dirt, Tally};
use super::ids::Ids;
use super::names::{ascii, nickname};
use super::person::{Graduation, Person};
use super::text;

pub(super) const LACCD_HEADER: &str =
    "\u{feff}STUDENT_ID,FIRST_NAME,LAST_NAME,BIRTH_DATE,SSID,COLLEGE,TERM,TERM_START,UNITS_ATTEMPTED\n";
pub(super) const TRUTH_HEADER: &str = "ssid,laccd_student_id,csu_student_id\n";
/// Columns of a line of the university's extract, without its line feed.
pub(super) const CSU_WIDTH: usize = 84;

const PLACEHOLDERS: [&str; 2] = ["0000000000", "9999999999"];

/// Rows of one extract, gathered to be shuffled.
pub(super) struct Rows {
    bytes: Vec<u8>,
    starts: Vec<usize>,
}

impl Rows {
    pub(super) fn new() -> Self {
        Self { bytes: Vec::new(), starts: Vec::new() }
    }

    /// Where to write the next row.
    fn row(&mut self) -> &mut Vec<u8> {
        self.starts.push(self.bytes.len());
        &mut self.bytes
    }

    fn repeat_last(&mut self) {
        if let Some(&start) = self.starts.last() {
            self.starts.push(self.bytes.len());
            self.bytes.extend_from_within(start..);
        }
    }

    /// All rows in an order that says nothing of the people.
    pub(super) fn shuffled(&self, dice: &mut Dice) -> (Vec<u8>, u64) {
        let ends = self.starts.iter().skip(1).copied().chain([self.bytes.len()]);
        let mut spans: Vec<(usize, usize)> = self.starts.iter().copied().zip(ends).collect();
        dice.shuffle(&mut spans);
        let mut bytes = Vec::with_capacity(self.bytes.len());
        for (start, end) in &spans {
            bytes.extend_from_slice(&self.bytes[*start..*end]);
        }
        (bytes, spans.len() as u64)
    }
}

/// What every extract of a block is written with.
pub(super) struct Scribe<'a> {
    pub(super) ids: &'a Ids,
    pub(super) county: &'a County,
    pub(super) dice: &'a mut Dice,
    pub(super) tally: &'a mut Tally,
}

impl Scribe<'_> {
    fn happens(&mut self, rate: f64, kind: Dirt) -> bool {
        let happens = self.dice.chance(rate);
        if happens {
            self.tally.count(kind);
        }
        happens
    }

    /// The district's row of a graduate. A row gets one defect at most.
    pub(super) fn graduate(&mut self, person: &Person, graduation: &Graduation, rows: &mut Rows) {
        let bad_date = self.happens(dirt::GRADUATE_BAD_BIRTH_DATE, Dirt::GraduateBadBirthDate);
        let blank = !bad_date && self.happens(dirt::GRADUATE_BLANK_REQUIRED, Dirt::GraduateBlankRequired);
        let bad_ethnicity =
            !bad_date && !blank && self.happens(dirt::GRADUATE_BAD_ETHNICITY, Dirt::GraduateBadEthnicity);
        let blank_field = if blank { self.dice.below(3) } else { u64::MAX };
        let school = &self.county.schools[graduation.school];

        let row = rows.row();
        row.extend_from_slice(b"GRAD^");
        text::digits(row, self.ids.ssid(person.index), 10);
        row.push(b'^');
        text::digits(row, self.ids.local(person.index), 9);
        row.push(b'^');
        text::windows_1252(row, &person.first);
        row.push(b'^');
        text::windows_1252(row, &person.last);
        row.push(b'^');
        if bad_date {
            text::digits(row, person.birth.year() as u64, 4);
            row.extend_from_slice(b"9931");
        } else if blank_field != 0 {
            text::compact_date(row, person.birth);
        }
        for field in [person.gender, school.district, if blank_field == 1 { "" } else { &school.code }] {
            row.push(b'^');
            row.extend_from_slice(field.as_bytes());
        }
        row.push(b'^');
        text::digits(row, graduation.cohort_year as u64, 4);
        row.push(b'^');
        row.extend_from_slice(graduation.status.as_bytes());
        row.push(b'^');
        if blank_field != 2 {
            text::compact_date(row, graduation.date);
        }
        let ethnicity = if bad_ethnicity { "RZ" } else { person.ethnicity };
        for field in [ethnicity, flag(graduation.english_learner), flag(graduation.foster)] {
            row.push(b'^');
            row.extend_from_slice(field.as_bytes());
        }
        row.extend_from_slice(b"\r\n");
        if self.happens(dirt::GRADUATE_DUPLICATE, Dirt::GraduateDuplicate) {
            rows.repeat_last();
        }
    }

    /// The college district's rows of a student, one per term and college.
    pub(super) fn laccd(&mut self, person: &Person, rows: &mut Rows) {
        if person.laccd.is_empty() {
            return;
        }
        let known = self.known(person, [Dirt::LaccdNickname, Dirt::LaccdTypo, Dirt::LaccdTransposed]);
        let (first, last) = self.laccd_names(known.first, known.last);
        let ssid = self.laccd_ssid(person);
        for enrolled in &person.laccd {
            let excel = self.happens(dirt::LACCD_EXCEL_ID, Dirt::LaccdExcelId);
            let row = rows.row();
            row.extend_from_slice(if excel { b"=\"" } else { b"" });
            text::digits(row, self.ids.laccd(person.index), 7);
            row.extend_from_slice(if excel { b"\"," } else { b"," });
            text::csv_field(row, &first);
            row.push(b',');
            text::csv_field(row, &last);
            row.push(b',');
            text::american_date(row, known.birth);
            row.push(b',');
            row.extend_from_slice(ssid.as_bytes());
            laccd_term(row, enrolled);
            if self.happens(dirt::LACCD_DUPLICATE, Dirt::LaccdDuplicate) {
                rows.repeat_last();
            }
        }
    }

    fn laccd_names(&mut self, mut first: String, mut last: String) -> (String, String) {
        if !(first.is_ascii() && last.is_ascii())
            && self.happens(dirt::LACCD_ACCENTS_DROPPED, Dirt::LaccdAccentsDropped)
        {
            (first, last) = (ascii(&first), ascii(&last));
        }
        if self.happens(dirt::LACCD_SUFFIX, Dirt::LaccdSuffix) {
            last.push_str(self.dice.pick(&[", Jr", ", Jr.", ", III"]));
        }
        if self.happens(dirt::LACCD_UPPER_CASE, Dirt::LaccdUpperCase) {
            (first, last) = (first.to_uppercase(), last.to_uppercase());
        }
        (first, last)
    }

    fn laccd_ssid(&mut self, person: &Person) -> String {
        let ssid = self.ids.ssid(person.index);
        if self.happens(dirt::LACCD_BLANK_SSID, Dirt::LaccdBlankSsid) {
            String::new()
        } else if self.happens(dirt::LACCD_EXCEL_SSID, Dirt::LaccdExcelSsid) {
            format!("{}.{:02}E+09", ssid / 1_000_000_000, ssid % 1_000_000_000 / 10_000_000)
        } else if self.happens(dirt::PLACEHOLDER_SSID, Dirt::LaccdPlaceholderSsid) {
            self.dice.pick(&PLACEHOLDERS).to_owned()
        } else {
            ssid.to_string()
        }
    }

    /// The university's rows of a student, one per term. The delivery before the newest has those terms only that
    /// had begun by `older_until`.
    pub(super) fn csu(&mut self, person: &Person, older_until: Date, rows: &mut Rows, older: &mut Rows) {
        if person.csu.is_empty() {
            return;
        }
        let known = self.known(person, [Dirt::CsuNickname, Dirt::CsuTypo, Dirt::CsuTransposed]);
        let (first, last) = (ascii(&known.first).to_uppercase(), ascii(&known.last).to_uppercase());
        if last.len() > 20 || first.len() > 15 {
            self.tally.count(Dirt::CsuTruncated);
        }
        let no_birth_date = self.happens(dirt::CSU_NO_BIRTH_DATE, Dirt::CsuNoBirthDate);
        let birth = (!no_birth_date).then_some(known.birth);
        let ssid = self.csu_ssid(person);
        let no_residence = self.happens(dirt::CSU_NO_RESIDENCE, Dirt::CsuNoResidence);
        let residence = if no_residence { "999" } else { self.dice.by_weight(&RESIDENCES) };
        for enrolled in &person.csu {
            let row = rows.row();
            let begin = row.len();
            csu_place(row, enrolled);
            text::digits(row, self.ids.csu(person.index), 9);
            text::fixed_field(row, &last, 20);
            text::fixed_field(row, &first, 15);
            match birth {
                Some(date) => text::compact_date(row, date),
                None => row.extend_from_slice(b"00000000"),
            }
            text::fixed_field(row, &ssid, 10);
            text::compact_date(row, enrolled.start);
            text::digits(row, u64::from(enrolled.tenths), 4);
            row.extend_from_slice(residence.as_bytes());
            debug_assert_eq!(row.len() - begin, CSU_WIDTH);
            row.push(b'\n');
            if enrolled.start <= older_until {
                older.row().extend_from_slice(&row[begin..]);
            }
        }
    }

    fn csu_ssid(&mut self, person: &Person) -> String {
        if self.happens(dirt::CSU_BLANK_SSID, Dirt::CsuBlankSsid) {
            String::new()
        } else if self.happens(dirt::PLACEHOLDER_SSID, Dirt::CsuPlaceholderSsid) {
            self.dice.pick(&PLACEHOLDERS).to_owned()
        } else {
            self.ids.ssid(person.index).to_string()
        }
    }

    /// How a college knows a student.
    fn known(&mut self, person: &Person, [short, slip, swapped]: [Dirt; 3]) -> Known {
        let first = match nickname(&person.first) {
            Some(nickname) if self.happens(dirt::NICKNAME, short) => nickname.to_owned(),
            _ => person.first.clone().into_owned(),
        };
        let last = if self.happens(dirt::TYPO, slip) {
            dirt::mistype(&person.last, self.dice)
        } else {
            person.last.clone().into_owned()
        };
        let birth = match person.birth.transposed() {
            Some(transposed) if self.happens(dirt::TRANSPOSED, swapped) => transposed,
            _ => person.birth,
        };
        Known { first, last, birth }
    }

    /// Who a graduate is at the colleges.
    pub(super) fn truth(&mut self, person: &Person, rows: &mut Rows) {
        let row = rows.row();
        text::digits(row, self.ids.ssid(person.index), 10);
        row.push(b',');
        if !person.laccd.is_empty() {
            text::digits(row, self.ids.laccd(person.index), 7);
        }
        row.push(b',');
        if !person.csu.is_empty() {
            text::digits(row, self.ids.csu(person.index), 9);
        }
        row.push(b'\n');
    }
}

struct Known {
    first: String,
    last: String,
    birth: Date,
}

/// County of residence (three digits): Los Angeles, Orange, San Bernardino, Ventura.
const RESIDENCES: [(&str, u32); 4] = [("019", 93), ("030", 3), ("036", 2), ("056", 2)];

fn flag(value: bool) -> &'static str {
    if value { "Y" } else { "N" }
}

fn laccd_term(row: &mut Vec<u8>, enrolled: &Enrollment) {
    row.push(b',');
    text::digits(row, u64::from(enrolled.place), 3);
    row.push(b',');
    text::digits(row, enrolled.term.year as u64, 4);
    row.push(match enrolled.term.season {
        Season::Spring => b'1',
        Season::Summer => b'2',
        Season::Fall => b'3',
    });
    row.push(b',');
    text::iso_date(row, enrolled.start);
    row.push(b',');
    text::digits(row, u64::from(enrolled.tenths / 10), 1);
    row.push(b'.');
    text::digits(row, u64::from(enrolled.tenths % 10), 1);
    row.push(b'\n');
}

fn csu_place(row: &mut Vec<u8>, enrolled: &Enrollment) {
    text::digits(row, u64::from(enrolled.place), 2);
    text::digits(row, enrolled.term.year as u64, 4);
    row.push(match enrolled.term.season {
        Season::Spring => b'2',
        Season::Summer => b'3',
        Season::Fall => b'4',
    });
}
