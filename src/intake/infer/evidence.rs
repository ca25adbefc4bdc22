//! What the cells of a column say about what it may hold.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};

use super::super::reader::Kind;
use super::super::value;
use crate::workspace::DateFormat;

/// Words that are likely to stand for "no value", whatever the file.
pub(super) const NO_VALUE: [&str; 16] = [
    "*", "**", "N/A", "NA", "n/a", "--", "-", "NULL", "null", "None", "none", ".", "-9999", "-6666", "#N/A", "Unknown",
];
/// Values that are held to find out whether no two are the same.
const MOST_DISTINCT: usize = 100_000;

/// What a column may hold, the narrower one first.
const CANDIDATES: [Candidate; 13] = [
    Candidate::Date(DateFormat::Iso),
    Candidate::Date(DateFormat::Compact),
    Candidate::Date(DateFormat::Us),
    Candidate::Date(DateFormat::UsShort),
    Candidate::Integer,
    Candidate::Number,
    Candidate::Boolean("Y", "N"),
    Candidate::Boolean("Yes", "No"),
    Candidate::Boolean("YES", "NO"),
    Candidate::Boolean("true", "false"),
    Candidate::Boolean("TRUE", "FALSE"),
    Candidate::Boolean("T", "F"),
    Candidate::String,
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Candidate {
    Date(DateFormat),
    Integer,
    Number,
    Boolean(&'static str, &'static str),
    String,
}

/// What was seen of a column. Nothing of it is a value.
#[derive(Clone)]
pub(super) struct Evidence {
    pub(super) cells: u64,
    pub(super) blank: u64,
    /// How often each word of [`NO_VALUE`] came up.
    pub(super) words: [u64; NO_VALUE.len()],
    pub(super) trimmed: bool,
    pub(super) unwrapped: bool,
    kinds: Kinds,
    /// Which candidates all texts fit.
    alive: [bool; CANDIDATES.len()],
    /// Whether all texts are written so.
    email: bool,
    social: bool,
    long_digits: bool,
    /// Hashes of the values, while no two are the same.
    distinct: Option<HashSet<u64>>,
}

/// Cells that are not blank and no word for "no value", by what they are.
#[derive(Clone, Copy, Default)]
struct Kinds {
    text: u64,
    whole: u64,
    /// Whole, and longer than an integer, or than what a spreadsheet keeps.
    long: u64,
    rounded: u64,
    fraction: u64,
    boolean: u64,
    day: u64,
    moment: u64,
    nested: u64,
    fault: u64,
}

impl Kinds {
    fn add(&mut self, other: Self) {
        let Self { text, whole, long, rounded, fraction, boolean, day, moment, nested, fault } = self;
        *text += other.text;
        *whole += other.whole;
        *long += other.long;
        *rounded += other.rounded;
        *fraction += other.fraction;
        *boolean += other.boolean;
        *day += other.day;
        *moment += other.moment;
        *nested += other.nested;
        *fault += other.fault;
    }

    fn all(self) -> u64 {
        let Self { text, whole, long, rounded, fraction, boolean, day, moment, nested, fault } = self;
        text + whole + long + rounded + fraction + boolean + day + moment + nested + fault
    }
}

impl Default for Evidence {
    fn default() -> Self {
        Self {
            cells: 0,
            blank: 0,
            words: [0; NO_VALUE.len()],
            trimmed: false,
            unwrapped: false,
            kinds: Kinds::default(),
            alive: [true; CANDIDATES.len()],
            email: true,
            social: true,
            long_digits: true,
            distinct: Some(HashSet::new()),
        }
    }
}

impl Evidence {
    pub(super) fn see(&mut self, kind: Kind, text: &str) {
        self.cells += 1;
        let mut seen = text;
        if matches!(kind, Kind::Plain | Kind::Escaped) {
            seen = text.trim();
            let formula = seen.len() >= 3 && seen.starts_with("=\"") && seen.ends_with('"');
            if formula {
                seen = &seen[2..seen.len() - 1];
            }
            // Blank is blank without being trimmed.
            self.trimmed |= text.trim().len() != text.len() && !text.bytes().all(|byte| byte == b' ');
            self.unwrapped |= formula;
        }
        // Lists and errors have no text, and are there.
        if kind == Kind::Null || (seen.is_empty() && !matches!(kind, Kind::Nested | Kind::Fault)) {
            self.blank += 1;
            return;
        }
        if let Some(at) = NO_VALUE.iter().position(|word| *word == seen) {
            self.words[at] += 1;
            return;
        }
        let kinds = &mut self.kinds;
        let counted = match kind {
            Kind::Plain | Kind::Escaped => {
                self.text(seen);
                &mut self.kinds.text
            }
            Kind::Number if value::integer(seen).is_some() => &mut kinds.whole,
            Kind::Number if value::is_whole(seen) => &mut kinds.long,
            Kind::Number => &mut kinds.fraction,
            Kind::Rounded => &mut kinds.rounded,
            Kind::Boolean => &mut kinds.boolean,
            Kind::Day if value::date(seen, &[DateFormat::Iso]).is_some() => &mut kinds.day,
            Kind::Day => &mut kinds.moment,
            Kind::Nested => &mut kinds.nested,
            Kind::Fault | Kind::Null => &mut kinds.fault,
        };
        *counted += 1;
        self.long_digits &= is_long_digits(seen);
        if let Some(distinct) = &mut self.distinct
            && distinct.len() < MOST_DISTINCT
        {
            let mut hasher = DefaultHasher::new();
            seen.hash(&mut hasher);
            if !distinct.insert(hasher.finish()) {
                self.distinct = None;
            }
        }
    }

    fn text(&mut self, text: &str) {
        for (candidate, alive) in CANDIDATES.iter().zip(&mut self.alive) {
            *alive = *alive && candidate.fits(text);
        }
        self.email &= text.split_once('@').is_some_and(|(_, host)| host.contains('.'));
        let digits = |at: std::ops::Range<usize>| text.as_bytes()[at].iter().all(u8::is_ascii_digit);
        let dashes = text.len() == 11 && text.as_bytes()[3] == b'-' && text.as_bytes()[6] == b'-';
        self.social &= dashes && digits(0..3) && digits(4..6) && digits(7..11);
    }

    /// Adds what was seen of the same column in another part.
    pub(super) fn add(&mut self, other: Self) {
        self.cells += other.cells;
        self.blank += other.blank;
        self.words.iter_mut().zip(other.words).for_each(|(own, other)| *own += other);
        self.trimmed |= other.trimmed;
        self.unwrapped |= other.unwrapped;
        self.kinds.add(other.kinds);
        self.alive.iter_mut().zip(other.alive).for_each(|(own, other)| *own &= other);
        self.email &= other.email;
        self.social &= other.social;
        self.long_digits &= other.long_digits;
        self.distinct = match (self.distinct.take(), other.distinct) {
            (Some(mut own), Some(other)) if own.is_disjoint(&other) => {
                own.extend(other.into_iter().take(MOST_DISTINCT.saturating_sub(own.len())));
                Some(own)
            }
            _ => None,
        };
    }

    /// What it may hold, and how many of its values do not fit that.
    pub(super) fn best(&self) -> (Candidate, u64) {
        let worth = |(candidate, alive): (&Candidate, &bool)| (*candidate, self.misfits(*candidate, *alive));
        let best = CANDIDATES.iter().zip(&self.alive).map(worth);
        // Of several that fit equally well, the first; of a column without a value nothing is known.
        if self.full() == 0 {
            return (Candidate::String, 0);
        }
        best.min_by_key(|(_, misfits)| *misfits).unwrap_or((Candidate::String, 0))
    }

    /// Values that a field of that type would reject: what `field::FieldPlan` says of each kind of cell.
    fn misfits(&self, candidate: Candidate, alive: bool) -> u64 {
        let Kinds { text, whole, long, rounded, fraction, boolean, day, moment, nested, fault } = self.kinds;
        let never = moment + nested + fault;
        let texts = if alive { 0 } else { text };
        let numbers = whole + long + rounded + fraction;
        never
            + texts
            + match candidate {
                Candidate::Date(_) => numbers + boolean,
                Candidate::Integer => long + rounded + fraction + boolean + day,
                Candidate::Number => long + boolean + day,
                Candidate::Boolean(..) => numbers + day,
                Candidate::String => rounded + fraction + day,
            }
    }

    /// Values, words for "no value" not among them.
    pub(super) fn full(&self) -> u64 {
        self.kinds.all()
    }

    /// Whether each cell has a value.
    pub(super) fn always(&self) -> bool {
        self.cells > 0 && self.full() == self.cells
    }

    /// Whether no two values are the same, as far as they were held.
    pub(super) fn is_distinct(&self) -> bool {
        self.full() >= 10 && self.distinct.is_some()
    }

    /// Whether the values are written as what identifies people often is: as mail addresses, as social security numbers, or
    /// as nine or ten digits.
    pub(super) fn looks_like_an_id(&self) -> bool {
        self.full() > 0 && (self.long_digits || (self.kinds.text == self.full() && (self.email || self.social)))
    }

    /// Whether all its values are cells of a truth value.
    pub(super) fn is_of_truth(&self) -> bool {
        self.kinds.text == 0
    }

    /// Cells that can't be read at all, by what they are.
    pub(super) fn unreadable(&self) -> Option<&'static str> {
        let Kinds { moment, nested, fault, day, .. } = self.kinds;
        let most = [
            (nested, "lists or objects"),
            (moment, "days with a time of day"),
            (fault, "errors"),
            (day, "days in some cells and something else in others"),
        ];
        most.into_iter().filter(|(count, _)| *count > 0).max_by_key(|(count, _)| *count).map(|(_, what)| what)
    }
}

impl Candidate {
    fn fits(self, text: &str) -> bool {
        // A leading zero is an id's.
        let digits = text.trim_start_matches('-');
        let leading = digits.len() > 1 && digits.starts_with('0');
        match self {
            Self::Date(format) => value::date(text, &[format]).is_some_and(|day| day > -50_000 && day < 30_000),
            Self::Integer => value::integer(text).is_some() && !leading,
            // More digits than a floating-point number keeps are an id's, too.
            Self::Number => {
                let kept = text.bytes().filter(u8::is_ascii_digit).count() <= 15;
                value::number(text, None).is_some() && kept && (text.contains('.') || !leading)
            }
            Self::Boolean(yes, no) => text == yes || text == no,
            Self::String => true,
        }
    }
}

fn is_long_digits(text: &str) -> bool {
    matches!(text.len(), 9 | 10) && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether it is a number or a day, which no name of a column is.
pub(super) fn is_of_numbers(text: &str) -> bool {
    let text = text.trim();
    let dates = [DateFormat::Iso, DateFormat::Us, DateFormat::UsShort];
    value::number(text, None).is_some() || value::date(text, &dates).is_some()
}
