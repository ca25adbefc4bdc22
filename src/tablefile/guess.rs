//! What the columns of a file seem to hold, and where its header is.

use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;

use super::csv::{Csv, JOIN};
use super::marks;
use super::parquet::is_parquet;
use super::raw::{HIDDEN, RawColumn, RawFile, SHOWN, STATUS};
use super::spec::FormatSpec;
use super::words::{scaled, unwrapped, whole};
use crate::error::{Error, Result};

/// Words that stand for hidden figures wherever tables are published.
pub(super) const SUPPRESSED: [&str; 16] =
    ["*", "**", "***", "--", "-", "†", "‡", "s", "S", "DS", "PS", "(s)", "suppressed", "<10", "<11", "n<10"];
/// Words that say that there is no such group.
pub(super) const NONE: [&str; 8] = ["N/A", "n/a", "NA", "na", "n.a.", "not applicable", "None", "."];
/// Labels of totals.
pub(super) const TOTALS: [&str; 11] = [
    "total",
    "all",
    "all students",
    "all schools",
    "all districts",
    "all grades",
    "statewide",
    "state",
    "overall",
    "both",
    "both sexes",
];

/// Larger minimum cells are not guessed.
const USUAL: i64 = 20;
/// More lines of notes below a table than these are not tried.
const NOTES: usize = 12;

/// What a column seems to hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Guess {
    Dimension,
    Count,
    Rate {
        decimals: u32,
        fraction: bool,
    },
    /// Wages, days: what people have or do, added up.
    Amount {
        decimals: u32,
    },
    /// A median or another quantile, or an average: it does not add up.
    Middle {
        decimals: u32,
    },
    Nothing,
}

/// The lines above the header, and how many it has: those before the first that has a name of its own in each field. Only
/// where there is none a header of two lines is looked for: a table of Excel with merged cells above its columns.
pub(super) fn format_of(path: &PathBuf) -> Result<FormatSpec> {
    let bytes = std::fs::read(path).map_err(|error| {
        Error::data("tables.read", format!("{} can't be read", path.display()))
            .with_source(error)
            .with_hint("name a CSV or Parquet file")
    })?;
    let mut format = FormatSpec::default();
    if is_parquet(&bytes) {
        return Ok(format);
    }
    if std::str::from_utf8(bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes)).is_err() {
        format.encoding = Some(crate::workspace::Encoding::Windows1252);
    }
    let name = path.display().to_string();
    let fits = |format: &FormatSpec| {
        let file = Csv::new(&name, &bytes, format).and_then(|csv| csv.read());
        file.is_ok_and(|file| is_header(&file, format.skip_rows))
    };
    let at =
        |skip, header_rows, footer_rows| FormatSpec { skip_rows: skip, header_rows, footer_rows, ..format.clone() };
    let of =
        |footer| (0..20).map(move |skip| (skip, None, footer)).chain((0..20).map(move |skip| (skip, Some(2), footer)));
    // Notes of other lengths than rows are left out one by one.
    let found = (0..=NOTES).flat_map(of).map(|(skip, header, footer)| at(skip, header, footer)).find(fits);
    let mut format = found.unwrap_or(format);
    format.footer_rows += Csv::new(&name, &bytes, &format).and_then(|csv| csv.read()).map_or(0, |file| notes(&file));
    Ok(format)
}

/// How many rows at the end hold no figure but the first column's words: notes below a table.
fn notes(file: &RawFile) -> usize {
    let is_note = |row: &usize| {
        !file.columns[0].word(*row).trim().is_empty()
            && file.columns.len() > 1
            && file.columns[1..].iter().all(|column| column.word(*row).trim().is_empty())
    };
    (0..file.rows).rev().take_while(is_note).count()
}

/// Whether a file, read so, has a name of its own for each column, and names that are no figures: a row of figures must
/// not be taken for the header, nor its small counts for names.
fn is_header(file: &RawFile, skipped: usize) -> bool {
    let names: Vec<&str> = file.columns.iter().map(|column| column.name.as_str()).collect();
    let unique: BTreeSet<&str> = names.iter().copied().collect();
    file.rows > 0
        && names.iter().all(|name| !name.is_empty())
        && unique.len() == names.len()
        && (names.len() > 1 || skipped == 0)
        && !are_figures(&names)
}

/// Whether some names are numbers, but for years and for grades in their order.
fn are_figures(names: &[&str]) -> bool {
    // Of a header of two lines the lower one may be a row.
    let names: Vec<&str> = names.iter().map(|name| name.rsplit_once(JOIN).map_or(*name, |(_, lower)| lower)).collect();
    if names.iter().any(|name| name.starts_with("=\"")) {
        return true;
    }
    let numbers: Vec<Option<i64>> =
        names.iter().filter(|name| scaled(name, 9).is_some()).map(|name| whole(name)).collect();
    let years = numbers.iter().all(|number| matches!(number, Some(1900..=2100)));
    let in_order = |pair: &[Option<i64>]| matches!(pair, [Some(one), Some(next)] if one + 1 == *next);
    let grades = numbers.len() > 1 && numbers.windows(2).all(in_order);
    !(years || grades)
}

/// What a column seems to hold.
pub(super) fn guess(column: &RawColumn) -> Guess {
    if column.name.ends_with(STATUS) && column.words.iter().all(|word| word == HIDDEN || word == SHOWN) {
        // What `accord protect` writes beside a column of Parquet.
        return Guess::Nothing;
    }
    let is_mark = is_mark_among(column.words.iter().map(String::as_str));
    let words: Vec<&str> = column.words.iter().map(|word| word.trim()).filter(|word| !is_mark(word)).collect();
    if words.is_empty() {
        return if column.words.iter().any(|word| is_symbol(word.trim()) && !word.trim().is_empty()) {
            Guess::Count
        } else {
            Guess::Nothing
        };
    }
    let name = column.name.to_lowercase();
    let has = |parts: &[&str]| parts.iter().any(|part| name.contains(part));
    if column.words.iter().any(|word| word.trim().starts_with("=\"")) {
        return Guess::Dimension;
    }
    let parts: Vec<&str> = name.split(|character: char| !character.is_alphanumeric()).collect();
    let one_of = |words: &[&str]| parts.iter().any(|part| words.contains(part));
    let is_rate = has(&["rate", "percent", "pct", "%", "share"]);
    // Whole numbers of a column of Parquet with empty fields are often kept as floating point.
    let rest = |word: &&str| word.trim_end_matches('%').trim().split_once('.').map_or("", |(_, rest)| rest).len();
    let longest = words.iter().map(rest).max().unwrap_or(0);
    let most = if longest == 1 && !is_rate && words.iter().all(|word| whole(word).is_some()) { 0 } else { longest };
    let most = u32::try_from(most).unwrap_or(9).min(9);
    let numbers = words.iter().all(|word| scaled(word, most).is_some());
    if numbers && one_of(&["median", "quantile", "quartile", "percentile", "average", "mean", "avg"]) {
        return Guess::Middle { decimals: most };
    }
    let is_amount =
        one_of(&["wages", "wage", "earnings", "salary", "salaries", "income", "amount", "revenue", "turnover"]);
    let large = words.iter().filter_map(|word| word.parse::<f64>().ok()).any(|value| value > 100.0);
    if numbers && !is_rate && (is_amount || (most > 0 && large)) {
        return Guess::Amount { decimals: most };
    }
    if numbers && (most > 0 || is_rate) {
        let at_most_one = words.iter().filter_map(|word| word.parse::<f64>().ok()).all(|value| value <= 1.0);
        return Guess::Rate { decimals: most, fraction: at_most_one && !words.iter().any(|word| word.contains('%')) };
    }
    let whole_numbers = words.iter().all(|word| whole(word).is_some());
    let is_year = words.iter().all(|word| matches!(whole(word), Some(1900..=2100)));
    let is_count = one_of(&["count", "counts", "number", "n", "num", "students", "enrollment", "enrolment", "people"]);
    let is_code = !is_count && one_of(&["code", "year", "grade", "id", "cohort", "month", "age"]);
    let is_date = words.iter().all(|word| is_date(word));
    let padded = words.iter().any(|word| word.len() > 1 && word.starts_with('0'));
    if whole_numbers && !is_year && !is_date && !is_code && !padded { Guess::Count } else { Guess::Dimension }
}

/// Whether a word is a day as `20261231`.
fn is_date(word: &str) -> bool {
    let number = |range: std::ops::Range<usize>| word.get(range).and_then(|part| part.parse::<u32>().ok());
    word.len() == 8
        && number(0..4).is_some_and(|year| (1900..=2100).contains(&year))
        && number(4..6).is_some_and(|month| (1..=12).contains(&month))
        && number(6..8).is_some_and(|day| (1..=31).contains(&day))
}

/// Whole numbers that a column of categories settles are categories around those: the number of a county.
pub(super) fn numbered_categories(file: &RawFile, guesses: &mut [Guess]) {
    let dimensions: Vec<&RawColumn> = file
        .columns
        .iter()
        .zip(guesses.iter())
        .filter(|(_, guess)| **guess == Guess::Dimension)
        .map(|(one, _)| one)
        .collect();
    for (column, guess) in file.columns.iter().zip(guesses.iter_mut()) {
        let settles = |one: &&RawColumn| one.words.len() < file.rows && one.words.len() > column.words.len();
        if *guess == Guess::Count && dimensions.iter().filter(|one| settles(one)).any(|one| determines(one, column)) {
            *guess = Guess::Dimension;
        }
    }
}

/// Whole numbers become categories, from the left, where the other categories do not tell the rows apart.
pub(super) fn tell_apart(file: &RawFile, guesses: &mut [Guess]) {
    let unique = |guesses: &[Guess]| {
        let own: Vec<&RawColumn> = file
            .columns
            .iter()
            .zip(guesses)
            .filter(|(_, guess)| **guess == Guess::Dimension)
            .map(|(one, _)| one)
            .collect();
        let mut seen: BTreeSet<Vec<u32>> = BTreeSet::new();
        (0..file.rows).all(|row| seen.insert(own.iter().map(|column| column.codes[row]).collect()))
    };
    let mut more = guesses.to_vec();
    for at in 0..more.len() {
        if unique(&more) {
            guesses.clone_from_slice(&more);
            return;
        }
        let others = more.iter().filter(|guess| **guess == Guess::Count).count();
        if more[at] == Guess::Count && others > 1 && file.columns[at].words.len() * 2 <= file.rows {
            more[at] = Guess::Dimension;
        }
    }
}

/// The smallest count that may be shown, as the file itself says it: by a mark such as `<10`, or, where figures are hidden,
/// by the smallest that is printed. With the reason, for whoever reads the draft. None where the file hides nothing: its
/// figures must not stand in a draft.
pub(super) fn minimum(file: &RawFile, guesses: &[Guess]) -> Option<(i64, &'static str)> {
    let counts = || file.columns.iter().zip(guesses).filter(|(_, guess)| **guess == Guess::Count).map(|(one, _)| one);
    let words = || counts().flat_map(|column| &column.words).map(|word| word.trim());
    let bounds = words().filter_map(|word| whole(word.trim_start_matches(['n', ' ']).strip_prefix('<')?));
    let most = |bound: &i64| (2..=USUAL).contains(bound);
    if let Some(bound) = bounds.filter(most).max() {
        return Some((bound, "the file's mark says so"));
    }
    let hidden = words().any(|word| is_symbol(word) && !word.is_empty() && !NONE.contains(&word));
    let printed = words().filter_map(whole).filter(|&count| count > 0).min().filter(most);
    printed.filter(|_| hidden).map(|count| (count, "the smallest count that the file prints"))
}

pub(super) fn is_symbol(word: &str) -> bool {
    word.is_empty()
        || SUPPRESSED.contains(&word)
        || NONE.contains(&word)
        || (marks::tells(word) && !word.starts_with(|first: char| first.is_ascii_digit()))
}

/// Whether a word among figures is a mark: also `1-9`, which elsewhere is a category of ages.
pub(super) fn is_mark_among<'w>(mut words: impl Iterator<Item = &'w str>) -> impl Fn(&str) -> bool {
    let figures = words.any(|word| scaled(word.trim(), 9).is_some());
    move |word| is_symbol(word) || (figures && marks::tells(word))
}

pub(super) fn likeness(a: &RawColumn, b: &RawColumn) -> f64 {
    strsim::jaro_winkler(&a.name.to_lowercase(), &b.name.to_lowercase())
}

pub(super) fn sum(column: &RawColumn) -> i64 {
    let values: Vec<i64> = column.words.iter().map(|word| whole(word.trim()).unwrap_or(0)).collect();
    column.codes.iter().fold(0, |sum: i64, &code| sum.saturating_add(values[code as usize]))
}

pub(super) fn never_above(part: &RawColumn, all: &RawColumn) -> bool {
    let values = |column: &RawColumn| column.words.iter().map(|word| whole(word.trim())).collect::<Vec<_>>();
    let (parts, wholes) = (values(part), values(all));
    part.codes.iter().zip(&all.codes).all(|(&part, &all)| match (parts[part as usize], wholes[all as usize]) {
        (Some(part), Some(all)) => part <= all,
        _ => true,
    })
}

/// Whether a column's word settles the other's.
pub(super) fn determines(from: &RawColumn, to: &RawColumn) -> bool {
    let mut seen: HashMap<u32, u32> = HashMap::new();
    from.codes.iter().zip(&to.codes).all(|(&from, &to)| *seen.entry(from).or_insert(to) == to)
}

/// The same in rows that are no totals of `from`: `Total` stands in every county.
pub(super) fn settles(from: &RawColumn, to: &RawColumn) -> bool {
    let margin: Vec<bool> = from.words.iter().map(|word| is_margin(word)).collect();
    let mut seen: HashMap<u32, u32> = HashMap::new();
    let mut rows = from.codes.iter().zip(&to.codes).filter(|(from, _)| !margin[**from as usize]);
    rows.all(|(&from, &to)| *seen.entry(from).or_insert(to) == to)
}

/// Whether a word is the label of a total, or nothing.
fn is_margin(word: &str) -> bool {
    let word = unwrapped(word);
    word.is_empty() || TOTALS.contains(&word.to_lowercase().as_str())
}

/// What a dimension seems to say of people, as the publication score has it, by its name; and whether it is a trait of theirs.
pub(super) fn scored(name: &str) -> (&'static str, bool) {
    let name = name.to_lowercase();
    let parts: Vec<&str> = name.split(|character: char| !character.is_alphanumeric()).collect();
    let one_of = |words: &[&str]| words.iter().any(|word| parts.contains(word));
    match () {
        () if one_of(&["race"]) => ("{ race: standard }", true),
        () if one_of(&["ethnicity", "hispanic", "latino"]) => ("{ ethnicity: hispanic }", true),
        () if one_of(&["sex", "gender"]) => ("sex", true),
        () if one_of(&["age", "ages", "agegroup"]) => ("{ age: YEARS }", true),
        () if one_of(&["language", "languages"]) => ("{ language: major }", true),
        () if one_of(&["citizenship", "immigration"]) => ("immigration", true),
        () if one_of(&["category", "subgroup"]) => ("{ either: [sex, { race: standard }] }", true),
        () if one_of(&["month"]) => ("{ months: 1 }", false),
        () if one_of(&["quarter"]) => ("{ months: 3 }", false),
        () if one_of(&["year", "cohort", "period", "academicyear"]) => ("{ months: 12 }", false),
        () if one_of(&["insurance", "plan", "coverage"]) => ("{ insurance: MEMBERS }", false),
        () if one_of(&["payer", "program"]) => ("{ program: PEOPLE }", false),
        () if one_of(&["hospital", "clinic", "facility", "provider"]) => ("{ service_address: town }", false),
        () if one_of(&["state", "county", "region", "district", "city", "town", "zip", "zcta", "tract", "school"]) => {
            ("{ residence: PEOPLE }", false)
        }
        () => ("other", false),
    }
}
