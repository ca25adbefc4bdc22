//! How much two people's values agree: a small level per field, together one number, the pattern of the pair.
//!
//! References: Winkler (1990, 2006) on levels of agreement and on frequent values; the levels' weights are learned, so
//! that their order here means nothing.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;

use super::encode::{MISSING, Value};
use super::filter::Similarity;
use super::sides::{Sides, share};
use super::spec::{LinkageSpec, Part};
use crate::workspace::CompareAs;

/// The level of a value that is missing on either side; says nothing either way.
pub(super) const NOTHING: u32 = 0;

/// The first level of equal values; the commonest values are in it, rarer ones in those after it.
pub(super) const EQUAL: u32 = 1;

/// Levels of equal values, by how frequent the value is.
pub(super) const EQUAL_LEVELS: u32 = 5;

/// Where the levels of equal values end: a value in at least this share of the rows.
const COMMON: [f32; EQUAL_LEVELS as usize - 1] = [1.0 / 128.0, 1.0 / 512.0, 1.0 / 2048.0, 1.0 / 8192.0];

/// Levels after those of equal values.
const OTHER: u32 = EQUAL + EQUAL_LEVELS;

/// The level of the first of two names that stand in each other's place.
pub(super) const SWAPPED: u32 = OTHER;

/// What a level means, for people.
pub(super) fn level_name(kind: Compared, level: u32) -> &'static str {
    const NAMES: [&str; 9] = [
        "swapped",
        "nickname",
        "much alike",
        "part of it",
        "alike",
        "somewhat alike",
        "initial",
        "a little alike",
        "different",
    ];
    const DATES: [&str; 8] = [
        "day and month swapped",
        "a digit off",
        "same month and day",
        "same year and month",
        "same year and day",
        "two digits off",
        "same year",
        "different",
    ];
    const TEXTS: [&str; 4] = ["much alike", "alike", "a little alike", "different"];
    const INITIALS: [&str; 3] = ["initial", "other name, same initial", "different"];
    const EQUALS: [&str; EQUAL_LEVELS as usize] =
        ["equal, very common", "equal, common", "equal", "equal, rare", "equal, very rare"];
    match level {
        NOTHING => "missing",
        _ if level < OTHER => EQUALS[(level - EQUAL) as usize],
        _ => {
            let at = (level - OTHER) as usize;
            let names: &[&str] = match kind {
                Compared::Field(CompareAs::GivenName | CompareAs::FamilyName) => &NAMES,
                Compared::Field(CompareAs::Date) => &DATES,
                Compared::Field(CompareAs::Text) => &TEXTS,
                Compared::Field(CompareAs::Initial) => &INITIALS,
                Compared::Field(CompareAs::Exact | CompareAs::Identifier) => &["different"],
                Compared::Record => return "alike as a whole",
            };
            names.get(at).copied().unwrap_or("different")
        }
    }
}

/// A column of a row: a field, or the filter of all fields together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Compared {
    Field(CompareAs),
    Record,
}

/// Bands of a record-level filter's Dice coefficient.
const BANDS: u32 = 24;

impl Compared {
    /// How many levels there are.
    pub(super) fn levels(self) -> u32 {
        OTHER
            + match self {
                Self::Field(CompareAs::GivenName | CompareAs::FamilyName) => 9,
                Self::Field(CompareAs::Date) => 8,
                Self::Field(CompareAs::Text) => 4,
                Self::Field(CompareAs::Initial) => 3,
                Self::Field(CompareAs::Exact | CompareAs::Identifier) => 1,
                Self::Record => BANDS,
            }
    }
}

/// The number of a pair's levels, all in one: the first column varies slowest.
pub(super) type Pattern = u64;

/// Multiplies: patterns are numbers of this program's own making, not something an attacker chooses.
#[derive(Default)]
pub(super) struct PatternHasher(u64);

impl Hasher for PatternHasher {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|&byte| self.write_u64(byte.into()));
    }
    fn write_u64(&mut self, number: u64) {
        let mixed = (self.0 ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 = mixed ^ (mixed >> 29);
    }
}

/// Values by pattern.
pub(super) type ByPattern<V> = HashMap<Pattern, V, BuildHasherDefault<PatternHasher>>;

/// Compares rows of two sides, or of one side with itself.
pub(super) struct Comparer {
    sides: Arc<Sides>,
    pub(super) columns: Vec<Compared>,
    /// Per column: levels of equal values by value.
    equal: Vec<Vec<u8>>,
    /// Per column: how frequent a value is beside the others of its level.
    relative: Vec<Vec<f32>>,
    similarity: Vec<Similarity>,
    swapped: Option<(usize, usize)>,
    /// Whether fields have filters of their own.
    filters: bool,
}

impl Comparer {
    pub(super) fn new(spec: &LinkageSpec, sides: Arc<Sides>) -> Self {
        let columns = columns(spec);
        let bin = |frequency: &f32| COMMON.iter().filter(|bound| frequency < *bound).count() as u8;
        let similarity = sides.domains.iter().map(|values| {
            let bits = if values.words == 0 { 64 } else { values.words as u32 * 64 };
            Similarity::new(&crate::workspace::FilterEncoding { bits, ..spec.encoding })
        });
        let equal: Vec<Vec<u8>> = sides.frequencies.iter().map(|all| all.iter().map(bin).collect()).collect();
        Self {
            relative: sides.frequencies.iter().zip(&equal).map(|(all, bins)| relative(all, bins)).collect(),
            equal,
            similarity: similarity.collect(),
            sides,
            columns,
            swapped: spec.swapped,
            filters: !spec.encoding.record,
        }
    }

    pub(super) fn sides(&self) -> &Sides {
        &self.sides
    }

    /// The pattern of two rows.
    pub(super) fn pattern(&self, left: &[u32], right: &[u32]) -> Pattern {
        let swapped = self.swapped.filter(|&(a, b)| {
            left[a] != MISSING && left[b] != MISSING && left[a] == right[b] && left[b] == right[a] && left[a] != left[b]
        });
        let mut pattern = 0;
        for (at, &column) in self.columns.iter().enumerate() {
            let level = match swapped {
                Some((first, _)) if at == first => OTHER,
                Some((_, second)) if at == second => NOTHING,
                _ => self.level(at, column, left[at], right[at]),
            };
            pattern = pattern * Pattern::from(column.levels()) + Pattern::from(level);
        }
        pattern
    }

    /// Which of the levels of equal values a value is in, from 0.
    pub(super) fn bin(&self, column: usize, value: u32) -> usize {
        usize::from(self.equal[column][value as usize])
    }

    /// How much likelier random agreement is on these values than on the average of their level.
    pub(super) fn adjust(&self, left: &[u32], right: &[u32]) -> f32 {
        let equal = left.iter().zip(right).enumerate().filter(|(_, (l, r))| l == r && **l != MISSING);
        equal.map(|(at, (&value, _))| self.relative[at][value as usize]).product()
    }

    fn level(&self, at: usize, column: Compared, left: u32, right: u32) -> u32 {
        if left == MISSING || right == MISSING {
            return NOTHING;
        }
        if left == right {
            return EQUAL + u32::from(self.equal[at][left as usize]);
        }
        let domain = self.sides.columns[at];
        let values = &self.sides.domains[domain];
        let (a, b) = (&values.values[left as usize], &values.values[right as usize]);
        let alike = || self.similarity[domain].of(values.filter(left), values.filter(right), (a.ones, b.ones));
        OTHER
            + match column {
                Compared::Field(kind @ (CompareAs::GivenName | CompareAs::FamilyName)) => {
                    name_level(kind, a, b, self.filters.then(alike))
                }
                Compared::Field(CompareAs::Date) => date_level(a, b, self.filters.then(alike)),
                Compared::Field(CompareAs::Text) => text_level(self.filters.then(alike)),
                Compared::Field(CompareAs::Initial) => initial_level(a, b),
                Compared::Field(CompareAs::Exact | CompareAs::Identifier) => 0,
                Compared::Record => {
                    // From 1.0 down in steps of 0.02.
                    (((1.0 - alike().0) * 50.0) as u32).min(BANDS - 1)
                }
            }
    }
}

/// A frequency over the mean of its level, weighted as random pairs meet the values.
fn relative(frequencies: &[f32], bins: &[u8]) -> Vec<f32> {
    let mut sums = [(0.0_f64, 0.0_f64); EQUAL_LEVELS as usize];
    for (&frequency, &bin) in frequencies.iter().zip(bins) {
        let frequency = f64::from(frequency);
        sums[usize::from(bin)].0 += frequency * frequency;
        sums[usize::from(bin)].1 += frequency;
    }
    let mean = |bin: u8| sums[usize::from(bin)].0 / sums[usize::from(bin)].1.max(f64::MIN_POSITIVE);
    let one = |(&frequency, &bin): (&f32, &u8)| (f64::from(frequency) / mean(bin).max(f64::MIN_POSITIVE)) as f32;
    frequencies.iter().zip(bins).map(one).collect()
}

/// Whether a level says that two first names are not alike.
pub(super) fn unlike_given_names(column: Compared, level: u32) -> bool {
    column == Compared::Field(CompareAs::GivenName) && level >= OTHER + 7
}

/// Whether a level says that two dates differ by more than a slip of the pen.
pub(super) fn unlike_dates(column: Compared, level: u32) -> bool {
    column == Compared::Field(CompareAs::Date) && level >= OTHER + 2
}

/// Whether a level says that two identifiers are the same.
pub(super) fn same_identifiers(column: Compared, level: u32) -> bool {
    column == Compared::Field(CompareAs::Identifier) && (EQUAL..OTHER).contains(&level)
}

/// Whether this is said of any of a pair's levels.
pub(super) fn any(columns: &[Compared], levels: &[u32], says: fn(Compared, u32) -> bool) -> bool {
    columns.iter().zip(levels).any(|(column, level)| says(*column, *level))
}

/// The columns of a link's rows.
pub(super) fn columns(spec: &LinkageSpec) -> Vec<Compared> {
    let fields = spec.fields.iter().map(|field| Compared::Field(field.kind));
    fields.chain(spec.encoding.record.then_some(Compared::Record)).collect()
}

/// How many patterns there are; `None` where they do not fit into a number.
pub(super) fn patterns(columns: &[Compared]) -> Option<Pattern> {
    columns.iter().try_fold(1, |all: Pattern, column| all.checked_mul(column.levels().into()))
}

/// The levels of a pattern, column by column.
pub(super) fn levels_of(mut pattern: Pattern, columns: &[Compared], out: &mut [u32]) {
    for (level, column) in out.iter_mut().zip(columns).rev() {
        *level = (pattern % Pattern::from(column.levels())) as u32;
        pattern /= Pattern::from(column.levels());
    }
}

fn name_level(kind: CompareAs, a: &Value, b: &Value, alike: Option<(f32, f32)>) -> u32 {
    if kind == CompareAs::GivenName && nicknames(a, b) {
        return 1;
    }
    let (dice, overlap) = alike.unwrap_or_default();
    let shorter = a.letters.min(b.letters);
    let initial = share(&a.tokens, &b.tokens, Part::Initial);
    match () {
        () if dice >= 0.78 => 2,
        () if overlap >= 0.82 && shorter >= 3 => 3,
        () if dice >= 0.64 => 4,
        () if dice >= 0.5 => 5,
        () if shorter == 1 => {
            if initial {
                6
            } else {
                8
            }
        }
        () if dice >= 0.35 || share(&a.tokens, &b.tokens, Part::Sound) => 7,
        () => 8,
    }
}

fn nicknames(a: &Value, b: &Value) -> bool {
    let first = Part::Nickname as usize;
    a.tokens[first..].iter().any(|token| *token != 0 && b.tokens[first..].contains(token))
}

fn date_level(a: &Value, b: &Value, alike: Option<(f32, f32)>) -> u32 {
    if a.tokens[Part::SWAPPED as usize] == b.tokens[Part::Whole as usize] {
        return 0;
    }
    let (dice, _) = alike.unwrap_or_default();
    let same = |part| share(&a.tokens, &b.tokens, part);
    let (year, month, day) = (same(Part::YEAR), same(Part::MONTH), same(Part::DAY));
    match () {
        () if dice >= 0.81 => 1,
        () if month && day => 2,
        () if year && month => 3,
        () if year && day => 4,
        () if dice >= 0.69 => 5,
        () if year => 6,
        () => 7,
    }
}

fn text_level(alike: Option<(f32, f32)>) -> u32 {
    let (dice, overlap) = alike.unwrap_or_default();
    match () {
        () if dice >= 0.8 => 0,
        () if dice >= 0.6 || overlap >= 0.85 => 1,
        () if dice >= 0.4 => 2,
        () => 3,
    }
}

fn initial_level(a: &Value, b: &Value) -> u32 {
    match share(&a.tokens, &b.tokens, Part::Initial) {
        true if a.letters.min(b.letters) == 1 => 0,
        true => 1,
        false => 2,
    }
}
