//! One field of one row: cleaned, its missing words and wrong spellings known, its type read, its rules checked.

use regex::Regex;

use super::batch;
use super::check_digit;
use super::compare::Constant;
use super::reader::{Kind, Span};
use super::value;
use crate::error::{Error, Result as Outcome};
use crate::workspace::{Bound, Clean, DateFormat, Field, LogicalType, Normaliser, PictureContent, PlaceholderAction};

/// A checked value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Cell {
    Missing,
    Text(Place),
    Integer(i64),
    Number(f64),
    /// With the scale of its field.
    Decimal(i128),
    Boolean(bool),
    Date(i32),
}

/// Where a text stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Place {
    /// In the row's scratch text and not in the record.
    scratch: bool,
    start: u32,
    end: u32,
}

impl Place {
    pub(super) fn of<'a>(self, record: &'a str, scratch: &'a str) -> &'a str {
        let text = if self.scratch { scratch } else { record };
        &text[self.start as usize..self.end as usize]
    }
}

/// Something that is counted when the row is admitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    Trimmed,
    Unwrapped,
    /// All but its digits went.
    Stripped,
    /// It was filled up.
    Padded,
    /// A wrong spelling, by its place in the contract.
    Replaced(u32),
    /// A word for "no value", by its place in the contract.
    MissingWord(u32),
    /// Blank, without being listed.
    Blank,
    /// Null, or not there at all.
    Null,
    /// A placeholder taken as missing.
    Placeholder,
}

/// Why a value does not fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Misfit {
    pub(super) rule: &'static str,
    pub(super) reason: String,
}

/// A field of the contract, ready to check with.
pub(super) struct FieldPlan<'c> {
    pub(super) spec: &'c Field,
    missing: Vec<&'c str>,
    blank_is_listed: bool,
    replace: Vec<(&'c str, &'c str)>,
    placeholders: Vec<String>,
    /// Sorted.
    allowed: Option<Vec<&'c str>>,
    date_formats: &'c [DateFormat],
    pattern: Option<Regex>,
    minimum: Option<Constant>,
    maximum: Option<Constant>,
}

impl<'c> FieldPlan<'c> {
    /// # Errors
    /// Its pattern or one of its bounds can't be read.
    pub(super) fn new(spec: &'c Field) -> Outcome<Self> {
        let bound = |bound: &Option<Bound>| {
            let read = |bound: &Bound| Constant::read(bound, spec).ok_or_else(|| unreadable(spec, "range"));
            bound.as_ref().map(read).transpose()
        };
        let placeholders = spec.placeholders.iter().flat_map(|one| &one.values);
        let allowed = spec.allowed.as_ref().map(|allowed| {
            let mut codes: Vec<&str> = allowed.keys().collect();
            codes.sort_unstable();
            codes
        });
        Ok(Self {
            spec,
            missing: spec.missing.keys().collect(),
            blank_is_listed: spec.missing.contains_key(""),
            replace: spec.replace.iter().map(|(wrong, right)| (wrong, right.as_str())).collect(),
            placeholders: placeholders.map(|value| comparable(value, spec.normalise)).collect(),
            allowed,
            date_formats: if spec.date_formats.is_empty() { &[DateFormat::Iso] } else { &spec.date_formats },
            pattern: spec.pattern.as_deref().map(whole).transpose().map_err(|_| unreadable(spec, "pattern"))?,
            minimum: bound(&spec.minimum)?,
            maximum: bound(&spec.maximum)?,
        })
    }

    /// Reads the field that stands at `span` of a record.
    pub(super) fn read(
        &self,
        record: &str,
        span: Span,
        quote: char,
        picture: Option<PictureContent>,
        scratch: &mut String,
        uses: &mut impl FnMut(Use),
    ) -> Result<Cell, Misfit> {
        if span.kind == Kind::Null {
            uses(Use::Null);
            return self.missing_cell();
        }
        if matches!(span.kind, Kind::Nested | Kind::Fault) {
            return self.of_cell(span.kind, "", Place::default());
        }
        let mut place = Place { scratch: false, start: span.start, end: span.end };
        if span.escaped() {
            place = unescape(place.of(record, ""), quote, scratch);
        }
        for step in &self.spec.clean {
            // A word for "no value" keeps its meaning.
            if matches!(step, Clean::DigitsOnly | Clean::LeftPad { .. }) && self.is_word(place.of(record, scratch)) {
                break;
            }
            place = clean(*step, place, record, scratch, uses);
        }
        if self.is_missing(place.of(record, scratch), uses) {
            return self.missing_cell();
        }
        let text = place.of(record, scratch);
        if let Some(at) = self.replace.iter().position(|(wrong, _)| *wrong == text) {
            uses(Use::Replaced(at as u32));
            place = append(scratch, self.replace[at].1);
            if self.is_missing(self.replace[at].1, uses) {
                return self.missing_cell();
            }
        }
        let text = place.of(record, scratch);
        if self.is_placeholder(text) {
            if self.spec.placeholders.as_ref().is_some_and(|one| one.action == PlaceholderAction::Reject) {
                return Err(misfit("placeholder", "it stands in for a real identifier"));
            }
            uses(Use::Placeholder);
            return self.missing_cell();
        }
        match (span.kind, picture) {
            (Kind::Plain | Kind::Escaped, Some(PictureContent::Digits { decimals, sign, .. })) => {
                let number = value::pictured(text, sign).ok_or_else(|| misfit("picture", NOT_PICTURED))?;
                self.pictured(number, decimals as u32, text, place)
            }
            (Kind::Plain | Kind::Escaped, _) => self.typed(text, place),
            (kind, _) => self.of_cell(kind, text, place),
        }
    }

    /// The value of a cell that has a type of its own.
    fn of_cell(&self, kind: Kind, text: &str, place: Place) -> Result<Cell, Misfit> {
        let logical_type = self.spec.logical_type;
        let wrong = |what: &str| Err(misfit("cell", what));
        match (kind, logical_type) {
            (Kind::Boolean, LogicalType::Boolean) => Ok(Cell::Boolean(text == "true")),
            (Kind::Day, LogicalType::Date) => match value::date(text, &[DateFormat::Iso]) {
                Some(day) => Ok(Cell::Date(day)),
                None => wrong("it has a time of day, or is no day of the calendar"),
            },
            (Kind::Day, _) => wrong("the cell is a day, and the field is not"),
            (Kind::Nested, _) => wrong("it is a list or an object"),
            (Kind::Fault, _) => wrong("the cell holds an error"),
            (Kind::Rounded, LogicalType::String | LogicalType::Integer) => {
                wrong("the cell is a number of more than 15 digits, of which some may be lost; it should be text")
            }
            (Kind::Number, LogicalType::String) if !value::is_whole(text) => {
                wrong("the cell is a number with a fraction, and the field is text")
            }
            _ => self.typed(text, place),
        }
    }

    /// The value of digits that a COBOL picture describes.
    fn pictured(&self, number: i128, decimals: u32, text: &str, place: Place) -> Result<Cell, Misfit> {
        let cell = match self.spec.logical_type {
            LogicalType::Integer => i64::try_from(number).ok().map(Cell::Integer),
            LogicalType::Number => Some(Cell::Number(value::scaled(number, decimals))),
            LogicalType::Decimal => {
                let (precision, scale) = (batch::precision(self.spec), batch::scale(self.spec));
                value::rescaled(number, decimals, precision, scale).map(Cell::Decimal)
            }
            _ => return self.typed(text, place),
        };
        let cell = cell.ok_or_else(|| misfit("type", &self.expected()))?;
        self.in_range(cell, text)?;
        Ok(cell)
    }

    /// What a missing value of that kind means; none of what is done to values that are there.
    pub(super) fn meaning(&self, one: Use) -> Option<&'c str> {
        match one {
            Use::MissingWord(at) => self.spec.missing.get(self.missing.get(at as usize)?).map(String::as_str),
            Use::Blank => Some("blank"),
            Use::Null => Some("null"),
            Use::Placeholder => Some("placeholder"),
            Use::Trimmed | Use::Unwrapped | Use::Stripped | Use::Padded | Use::Replaced(_) => None,
        }
    }

    fn is_word(&self, text: &str) -> bool {
        self.missing.contains(&text)
    }

    fn is_missing(&self, text: &str, uses: &mut impl FnMut(Use)) -> bool {
        if let Some(at) = self.missing.iter().position(|word| *word == text) {
            uses(Use::MissingWord(at as u32));
            return true;
        }
        if !text.bytes().all(|byte| byte == b' ') {
            return false;
        }
        // Blank: spaces alone mean the same as nothing.
        match self.missing.iter().position(|word| word.is_empty()) {
            Some(at) if self.blank_is_listed => uses(Use::MissingWord(at as u32)),
            _ => uses(Use::Blank),
        }
        true
    }

    fn missing_cell(&self) -> Result<Cell, Misfit> {
        if self.spec.required { Err(misfit("required", "it is required and missing")) } else { Ok(Cell::Missing) }
    }

    fn is_placeholder(&self, text: &str) -> bool {
        if self.placeholders.is_empty() {
            return false;
        }
        match self.spec.normalise {
            Some(Normaliser::Digits) => {
                let digits = || text.bytes().filter(u8::is_ascii_digit);
                self.placeholders.iter().any(|value| digits().eq(value.bytes()))
            }
            _ => self.placeholders.iter().any(|value| value == text.trim()),
        }
    }

    fn typed(&self, text: &str, place: Place) -> Result<Cell, Misfit> {
        let spec = self.spec;
        let cell = match spec.logical_type {
            LogicalType::String => Some(Cell::Text(place)),
            LogicalType::Integer => value::integer(text).map(Cell::Integer),
            LogicalType::Number => value::number(text, spec.implied_decimals).map(Cell::Number),
            LogicalType::Decimal => {
                let (precision, scale) = (batch::precision(spec), batch::scale(spec));
                value::decimal(text, precision, scale, spec.implied_decimals).map(Cell::Decimal)
            }
            LogicalType::Boolean => value::boolean(text, spec.boolean_words.as_ref()).map(Cell::Boolean),
            LogicalType::Date => value::date(text, self.date_formats).map(Cell::Date),
        };
        let cell = cell.ok_or_else(|| misfit("type", &self.expected()))?;
        if self.allowed.as_ref().is_some_and(|codes| codes.binary_search(&text).is_err()) {
            return Err(misfit("allowed", "it is none of the codes that the contract allows"));
        }
        self.long_enough(text)?;
        if self.pattern.as_ref().is_some_and(|pattern| !pattern.is_match(text)) {
            return Err(misfit("pattern", "it does not match the contract's pattern"));
        }
        if self.spec.check_digit.is_some_and(|scheme| !check_digit::is_right(scheme, text)) {
            return Err(misfit("check_digit", "its check digit is wrong"));
        }
        self.in_range(cell, text)?;
        Ok(cell)
    }

    fn long_enough(&self, text: &str) -> Result<(), Misfit> {
        let Some(length) = self.spec.length else { return Ok(()) };
        let characters = if text.is_ascii() { text.len() } else { text.chars().count() };
        if length.minimum.is_some_and(|minimum| characters < minimum) {
            return Err(misfit("length", "it is shorter than the contract allows"));
        }
        if length.maximum.is_some_and(|maximum| characters > maximum) {
            return Err(misfit("length", "it is longer than the contract allows"));
        }
        Ok(())
    }

    fn in_range(&self, cell: Cell, text: &str) -> Result<(), Misfit> {
        let order = |bound: &Option<Constant>| bound.as_ref().and_then(|bound| bound.order(cell, &|_| text));
        let (less, more) = match cell {
            Cell::Date(_) => ("before", "after"),
            _ => ("less than", "more than"),
        };
        let outside = |word: &str, bound: &Option<Bound>| {
            let bound = bound.as_ref().map(ToString::to_string).unwrap_or_default();
            Err(misfit("range", &format!("it is {word} {bound}")))
        };
        match (order(&self.minimum), order(&self.maximum)) {
            (Some(std::cmp::Ordering::Less), _) => outside(less, &self.spec.minimum),
            (_, Some(std::cmp::Ordering::Greater)) => outside(more, &self.spec.maximum),
            _ => Ok(()),
        }
    }

    /// What the field's text should have been.
    fn expected(&self) -> String {
        match self.spec.logical_type {
            LogicalType::String => "it is not text".to_owned(),
            LogicalType::Integer => "it is not a whole number".to_owned(),
            LogicalType::Number | LogicalType::Decimal if self.spec.implied_decimals.is_some() => {
                "it is not digits alone".to_owned()
            }
            LogicalType::Number => "it is not a number".to_owned(),
            LogicalType::Decimal => {
                let (precision, scale) = (batch::precision(self.spec), batch::scale(self.spec));
                format!("it is not a number of {precision} digits at most, {scale} of them behind the point")
            }
            LogicalType::Boolean => "it is none of the words for true and false".to_owned(),
            LogicalType::Date => {
                let formats: Vec<&str> = self.date_formats.iter().map(|format| written(*format)).collect();
                format!("it is not a day written {}", formats.join(" or "))
            }
        }
    }
}

fn written(format: DateFormat) -> &'static str {
    match format {
        DateFormat::Compact => "YYYYMMDD",
        DateFormat::Iso => "YYYY-MM-DD",
        DateFormat::Us => "MM/DD/YYYY",
        DateFormat::UsShort => "M/D/YYYY",
    }
}

const NOT_PICTURED: &str = "it is not digits as its picture says";

fn misfit(rule: &'static str, reason: &str) -> Misfit {
    Misfit { rule, reason: reason.to_owned() }
}

/// A placeholder as it is compared.
fn comparable(value: &str, normaliser: Option<Normaliser>) -> String {
    match normaliser {
        Some(Normaliser::Digits) => value.chars().filter(char::is_ascii_digit).collect(),
        _ => value.trim().to_owned(),
    }
}

/// A regular expression that the whole of a text has to match.
fn whole(pattern: &str) -> Result<Regex, regex::Error> {
    Regex::new(&format!("^(?:{pattern})$"))
}

/// Why a pattern can't be read; none where it can.
pub(crate) fn pattern_mistake(pattern: &str) -> Option<String> {
    // Its own lines show the pattern; the last one says what is wrong.
    whole(pattern).err().map(|error| error.to_string().lines().last().unwrap_or_default().trim().to_owned())
}

fn unreadable(spec: &Field, what: &str) -> Error {
    let said = format!("read the contract: the {what} of field {} can't be read", spec.name);
    Error::config("intake.field", said).with_hint("`accord check` shows where")
}

fn clean(step: Clean, place: Place, record: &str, scratch: &mut String, uses: &mut impl FnMut(Use)) -> Place {
    let text = place.of(record, scratch);
    let (before, after, one) = match step {
        // Most values have nothing to trim, which two bytes show.
        Clean::Trim if is_trimmed(text.as_bytes()) => return place,
        Clean::Trim => {
            let start = text.trim_start();
            (text.len() - start.len(), start.len() - start.trim_end().len(), Use::Trimmed)
        }
        Clean::UnwrapExcelFormula if text.len() >= 3 && text.starts_with("=\"") && text.ends_with('"') => {
            (2, 1, Use::Unwrapped)
        }
        Clean::UnwrapExcelFormula => return place,
        Clean::DigitsOnly => return digits_only(place, record, scratch, uses),
        Clean::LeftPad { to, with } => return left_pad(place, record, scratch, to, with, uses),
    };
    if before + after == 0 {
        return place;
    }
    uses(one);
    Place { start: place.start + before as u32, end: place.end - after as u32, ..place }
}

/// Whether a text begins and ends with characters of ASCII that are seen; `false` says nothing.
fn is_trimmed(text: &[u8]) -> bool {
    matches!(text, [first, .., last] if first.is_ascii_graphic() && last.is_ascii_graphic())
}

fn digits_only(place: Place, record: &str, scratch: &mut String, uses: &mut impl FnMut(Use)) -> Place {
    let text = place.of(record, scratch);
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        return place;
    }
    uses(Use::Stripped);
    rewrite(place, record, scratch, |text, into| into.extend(text.chars().filter(char::is_ascii_digit)))
}

fn left_pad(
    place: Place,
    record: &str,
    scratch: &mut String,
    to: usize,
    with: char,
    uses: &mut impl FnMut(Use),
) -> Place {
    let text = place.of(record, scratch);
    let length = text.chars().count();
    if length >= to || text.bytes().all(|byte| byte == b' ') {
        return place;
    }
    uses(Use::Padded);
    rewrite(place, record, scratch, |text, into| {
        into.extend(std::iter::repeat_n(with, to - length));
        into.push_str(text);
    })
}

/// Writes a text anew behind what the scratch text holds.
fn rewrite(place: Place, record: &str, scratch: &mut String, write: impl FnOnce(&str, &mut String)) -> Place {
    let start = scratch.len() as u32;
    if place.scratch {
        let text = place.of(record, scratch).to_owned();
        write(&text, scratch);
    } else {
        write(place.of(record, ""), scratch);
    }
    Place { scratch: true, start, end: scratch.len() as u32 }
}

/// Puts a text behind what the scratch text holds.
pub(super) fn append(scratch: &mut String, text: &str) -> Place {
    let start = scratch.len() as u32;
    scratch.push_str(text);
    Place { scratch: true, start, end: scratch.len() as u32 }
}

/// Copies a quoted field with its doubled quotes made single.
fn unescape(text: &str, quote: char, scratch: &mut String) -> Place {
    let start = scratch.len() as u32;
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        scratch.push(character);
        if character == quote {
            characters.next();
        }
    }
    Place { scratch: true, start, end: scratch.len() as u32 }
}
