//! A first spec, guessed from files: what a person must look at is said beside it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Write as _;
use std::path::PathBuf;

use super::assemble::{Source, open};
use super::csv::Csv;
use super::parquet::is_parquet;
use super::raw::{RawColumn, RawFile};
use super::spec::FormatSpec;
use super::words::{scaled, unwrapped, whole};
use crate::error::{Error, Result};
use crate::yaml::quoted;

/// Words that stand for hidden figures wherever tables are published.
const SUPPRESSED: [&str; 16] =
    ["*", "**", "***", "--", "-", "†", "‡", "s", "S", "DS", "PS", "(s)", "suppressed", "<10", "<11", "n<10"];
/// Words that say that there is no such group.
const NONE: [&str; 8] = ["N/A", "n/a", "NA", "na", "n.a.", "not applicable", "None", "."];
/// Labels of totals.
const TOTALS: [&str; 11] = [
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

/// What a column seems to hold.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Guess {
    Dimension,
    Count,
    Rate { decimals: u32, fraction: bool },
    Nothing,
}

/// Drafts a spec of one table for files of one layout.
///
/// # Errors
/// Files that can't be read, or in which no column of figures is found.
pub fn draft(paths: &[PathBuf]) -> Result<String> {
    let Some(first) = paths.first() else {
        return Err(Error::usage("tables.none", "no file to draft a spec for is named").with_hint("name one"));
    };
    let format = format_of(first)?;
    let name = first.display().to_string();
    let file = open(&Source { path: first.clone(), name: name.clone(), captures: Vec::new() }, &format)?;
    let mut guesses: Vec<Guess> = file.columns.iter().map(guess).collect();
    numbered_categories(&file, &mut guesses);
    if !guesses.contains(&Guess::Count) {
        let columns: Vec<&str> = file.columns.iter().map(|column| column.name.as_str()).collect();
        return Err(Error::data("tables.draft", format!("no column of {name} looks like counts"))
            .with_hint(format!("its columns are {}; is the header in another line?", columns.join(", "))));
    }
    Ok(Draft { file: &file, guesses: &guesses, format: &format, paths }.write())
}

/// The lines above the header: those before the first that has as many filled fields as the widest one.
fn format_of(path: &PathBuf) -> Result<FormatSpec> {
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
    let best = (0..20).map(|skip| FormatSpec { skip_rows: skip, ..format.clone() }).find(|format| {
        let file = Csv::new(&name, &bytes, format).and_then(|csv| csv.read());
        file.is_ok_and(|file| {
            let filled = file.columns.iter().filter(|column| !column.name.is_empty()).count();
            let unique: BTreeSet<&str> = file.columns.iter().map(|column| column.name.as_str()).collect();
            file.rows > 0
                && filled == file.columns.len()
                && unique.len() == filled
                && (filled > 1 || format.skip_rows == 0)
        })
    });
    Ok(best.unwrap_or(format))
}

fn guess(column: &RawColumn) -> Guess {
    let words: Vec<&str> = column.words.iter().map(|word| word.trim()).filter(|word| !is_symbol(word)).collect();
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
    let decimals = |word: &&str| word.trim_end_matches('%').trim().split_once('.').map_or(0, |(_, rest)| rest.len());
    let most = u32::try_from(words.iter().map(decimals).max().unwrap_or(0)).unwrap_or(9).min(9);
    if words.iter().all(|word| scaled(word, most).is_some()) && (most > 0 || has(&["rate", "percent", "pct", "%"])) {
        let at_most_one = words.iter().filter_map(|word| word.parse::<f64>().ok()).all(|value| value <= 1.0);
        return Guess::Rate { decimals: most, fraction: at_most_one && !words.iter().any(|word| word.contains('%')) };
    }
    let whole_numbers = words.iter().all(|word| whole(word).is_some());
    let is_year = words.iter().all(|word| matches!(whole(word), Some(1900..=2100)));
    let parts: Vec<&str> = name.split(|character: char| !character.is_alphanumeric()).collect();
    let one_of = |words: &[&str]| parts.iter().any(|part| words.contains(part));
    let is_count = one_of(&["count", "counts", "number", "n", "num", "students", "enrollment", "enrolment", "people"]);
    let is_code = !is_count && one_of(&["code", "year", "grade", "id", "cohort", "month", "age"]);
    let padded = words.iter().any(|word| word.len() > 1 && word.starts_with('0'));
    if whole_numbers && !is_year && !is_code && !padded { Guess::Count } else { Guess::Dimension }
}

/// Whole numbers that a column of categories settles are categories around those: the number of a county.
fn numbered_categories(file: &RawFile, guesses: &mut [Guess]) {
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

fn is_symbol(word: &str) -> bool {
    word.is_empty()
        || SUPPRESSED.contains(&word)
        || NONE.contains(&word)
        || (word.starts_with('<') && whole(&word[1..]).is_some())
}

struct Draft<'a> {
    file: &'a RawFile,
    guesses: &'a [Guess],
    format: &'a FormatSpec,
    paths: &'a [PathBuf],
}

impl Draft<'_> {
    fn write(&self) -> String {
        let mut out = String::new();
        let _ = self.lines(&mut out);
        out
    }

    fn of(&self, wanted: impl Fn(&Guess) -> bool) -> Vec<&RawColumn> {
        self.file
            .columns
            .iter()
            .zip(self.guesses)
            .filter(|(_, guess)| wanted(guess))
            .map(|(column, _)| column)
            .collect()
    }

    fn lines(&self, out: &mut String) -> std::fmt::Result {
        writeln!(out, "# yaml-language-server: $schema=tables.schema.json")?;
        writeln!(
            out,
            "# Drafted from the file. Look at each line with LOOK: it is a guess that decides what is protected."
        )?;
        writeln!(out, "policy:")?;
        writeln!(out, "  minimum_cell: 11              # LOOK: the smallest count that you may publish")?;
        writeln!(out, "  level: full                   # full | exact | {{ interval: 5 }} | {{ percent: 30 }}")?;
        self.symbols(out)?;
        writeln!(out, "tables:")?;
        let stem = self.paths[0].file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        writeln!(out, "  {}:", word(&name_of(&stem)))?;
        writeln!(out, "    files:                      # LOOK: `*` and `{{year}}` stand for parts of names")?;
        for path in self.paths {
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            writeln!(out, "      - {}", word(&name))?;
        }
        let mut format = Vec::new();
        if self.format.skip_rows > 0 {
            format.push(format!("skip_rows: {}", self.format.skip_rows));
        }
        if self.format.encoding.is_some() {
            format.push("encoding: windows-1252".to_owned());
        }
        if !format.is_empty() {
            writeln!(out, "    format: {{ {} }}", format.join(", "))?;
        }
        let kept = self.dimensions(out)?;
        self.measures(out)?;
        let nothing: Vec<&str> =
            self.of(|guess| *guess == Guess::Nothing).iter().map(|one| one.name.as_str()).collect();
        let kept: Vec<String> =
            kept.iter().map(String::as_str).chain(nothing).filter(|name| !name.is_empty()).map(word).collect();
        if !kept.is_empty() {
            writeln!(
                out,
                "    keep: [{}]                # LOOK: these columns are published as they are",
                kept.join(", ")
            )?;
        }
        Ok(())
    }

    fn symbols(&self, out: &mut String) -> std::fmt::Result {
        let figures = self.of(|guess| matches!(guess, Guess::Count | Guess::Rate { .. }));
        let words: BTreeSet<&str> = figures.iter().flat_map(|column| &column.words).map(|word| word.trim()).collect();
        let found: Vec<&str> = words.into_iter().filter(|word| is_symbol(word)).collect();
        let (none, hidden): (Vec<&str>, Vec<&str>) = found.iter().copied().partition(|word| NONE.contains(word));
        let list = |words: &[&str]| words.iter().map(|one| quoted(one)).collect::<Vec<_>>().join(", ");
        // The first one is written: a mark that a reader sees, and does not take for a bound.
        let mut hidden = if hidden.iter().all(|word| word.is_empty()) { [vec!["*"], hidden].concat() } else { hidden };
        hidden.sort_by_key(|word| (word.is_empty(), word.contains('<')));
        writeln!(out, "symbols:")?;
        writeln!(
            out,
            "  suppressed: [{}]             # LOOK: a figure is hidden; the first one is written",
            list(&hidden)
        )?;
        if !none.is_empty() {
            writeln!(out, "  none: [{}]                 # LOOK: there is no such group", list(&none))?;
        }
        Ok(())
    }

    /// Writes the dimensions; gives the columns that say nothing new.
    fn dimensions(&self, out: &mut String) -> std::result::Result<Vec<String>, std::fmt::Error> {
        let columns = self.of(|guess| *guess == Guess::Dimension);
        let (mut kept, mut own): (Vec<String>, Vec<&RawColumn>) = (Vec::new(), Vec::new());
        for column in columns {
            // A column that goes one to one with an earlier one (a code beside a name) is carried over.
            if own.iter().any(|other| determines(other, column) && determines(column, other) && column.words.len() > 1)
            {
                kept.push(column.name.clone());
            } else {
                own.push(column);
            }
        }
        let above: BTreeMap<&str, Vec<&str>> =
            own.iter().map(|column| (column.name.as_str(), within(column, &own))).collect();
        let inner: BTreeSet<&str> = above.values().flatten().copied().collect();
        writeln!(out, "    dimensions:")?;
        for column in own.iter().filter(|column| !inner.contains(column.name.as_str())) {
            let mut keys = Vec::new();
            let name = name_of(&column.name);
            if name != column.name {
                keys.push(format!("column: {}", word(&column.name)));
            }
            let around = &above[column.name.as_str()];
            if !around.is_empty() {
                keys.push(format!("within: [{}]", around.iter().map(|one| word(one)).collect::<Vec<_>>().join(", ")));
            }
            let outermost = around.last().and_then(|name| self.file.column(name)).unwrap_or(column);
            let total = outermost
                .words
                .iter()
                .chain(&column.words)
                .map(|one| unwrapped(one))
                .find(|one| TOTALS.contains(&one.to_lowercase().as_str()));
            let look = match total {
                Some(label) => {
                    keys.push(format!("total: {}", word(label)));
                    "LOOK: is this the total of the others?"
                }
                None => "LOOK: no total found; say `total: All` to have totals, if they are published anywhere",
            };
            entry(out, &name, &keys, look)?;
        }
        Ok(kept)
    }

    fn measures(&self, out: &mut String) -> std::fmt::Result {
        let counts = self.of(|guess| *guess == Guess::Count);
        writeln!(out, "    measures:")?;
        let largest = counts.iter().max_by_key(|column| sum(column)).map(|column| column.name.as_str());
        for column in &counts {
            let name = name_of(&column.name);
            let whole = largest
                .filter(|largest| *largest != column.name)
                .filter(|largest| self.file.column(largest).is_some_and(|largest| never_above(column, largest)));
            let mut keys = Vec::new();
            if name != column.name {
                keys.push(format!("column: {}", word(&column.name)));
            }
            if let Some(whole) = whole {
                keys.push(format!("of: {}", word(&name_of(whole))));
            }
            let look = match whole {
                Some(_) => "LOOK: counted among those? `part_of` where the parts are all there is",
                None => "LOOK: a count of people? a column that is not one belongs under `keep`",
            };
            entry(out, &name, &keys, look)?;
        }
        let rates: Vec<(&RawColumn, &Guess)> = self
            .file
            .columns
            .iter()
            .zip(self.guesses)
            .filter(|(_, guess)| matches!(guess, Guess::Rate { .. }))
            .collect();
        if rates.is_empty() || counts.len() < 2 {
            return rates.iter().try_for_each(|(column, _)| {
                writeln!(out, "      # LOOK: `{}` looks like a rate, and its counts are not there", column.name)
            });
        }
        writeln!(out, "    rates:")?;
        for (column, guess) in rates {
            let Guess::Rate { decimals, fraction } = guess else { continue };
            let numerator = counts
                .iter()
                .filter(|count| Some(count.name.as_str()) != largest)
                .max_by(|a, b| likeness(column, a).total_cmp(&likeness(column, b)));
            let (above, below) = (numerator.map_or("", |one| one.name.as_str()), largest.unwrap_or(""));
            let unit = if *fraction { ", unit: fraction" } else { "" };
            let name = name_of(&column.name);
            writeln!(
                out,
                "      {}: {{ column: {}, ratio: [{}, {}], decimals: {decimals}{unit} }}   # LOOK: of which counts?",
                word(&name),
                word(&column.name),
                word(&name_of(above)),
                word(&name_of(below))
            )?;
        }
        Ok(())
    }
}

/// An entry with what a person must look at beside it.
fn entry(out: &mut String, name: &str, keys: &[String], look: &str) -> std::fmt::Result {
    let keys = if keys.is_empty() { String::new() } else { format!(" {{ {} }}", keys.join(", ")) };
    writeln!(out, "      {}:{keys}   # {look}", word(name))
}

fn likeness(a: &RawColumn, b: &RawColumn) -> f64 {
    strsim::jaro_winkler(&a.name.to_lowercase(), &b.name.to_lowercase())
}

fn sum(column: &RawColumn) -> i64 {
    let values: Vec<i64> = column.words.iter().map(|word| whole(word.trim()).unwrap_or(0)).collect();
    column.codes.iter().fold(0, |sum: i64, &code| sum.saturating_add(values[code as usize]))
}

fn never_above(part: &RawColumn, all: &RawColumn) -> bool {
    let values = |column: &RawColumn| column.words.iter().map(|word| whole(word.trim())).collect::<Vec<_>>();
    let (parts, wholes) = (values(part), values(all));
    part.codes.iter().zip(&all.codes).all(|(&part, &all)| match (parts[part as usize], wholes[all as usize]) {
        (Some(part), Some(all)) => part <= all,
        _ => true,
    })
}

/// Whether a column's word settles the other's.
fn determines(from: &RawColumn, to: &RawColumn) -> bool {
    let mut seen: HashMap<u32, u32> = HashMap::new();
    from.codes.iter().zip(&to.codes).all(|(&from, &to)| *seen.entry(from).or_insert(to) == to)
}

/// The columns that contain a column's categories, the nearest first: it settles them, and they have fewer words.
fn within<'c>(column: &RawColumn, all: &[&'c RawColumn]) -> Vec<&'c str> {
    let mut above: Vec<&&RawColumn> = all
        .iter()
        .filter(|other| other.name != column.name && other.words.len() > 1 && other.words.len() < column.words.len())
        .filter(|other| determines(column, other))
        .collect();
    above.sort_by_key(|other| std::cmp::Reverse(other.words.len()));
    // Only a chain is one hierarchy.
    let mut chain: Vec<&&RawColumn> = Vec::new();
    for one in above {
        if chain.last().is_none_or(|last| determines(last, one)) {
            chain.push(one);
        }
    }
    chain.into_iter().map(|one| one.name.as_str()).collect()
}

/// A name in lower case without blanks.
fn name_of(text: &str) -> String {
    let mut name = String::new();
    for character in text.chars() {
        if character.is_alphanumeric() {
            name.extend(character.to_lowercase());
        } else if !name.ends_with('_') && !name.is_empty() {
            name.push('_');
        }
    }
    let name = name.trim_end_matches('_');
    if name.is_empty() { "table".to_owned() } else { name.to_owned() }
}

/// A word as YAML has it.
fn word(text: &str) -> String {
    let plain = text.chars().all(|character| character.is_alphanumeric() || "_-. /".contains(character))
        && text.chars().next().is_some_and(char::is_alphabetic)
        && !text.ends_with(' ')
        && !matches!(text.to_lowercase().as_str(), "true" | "false" | "null" | "yes" | "no");
    if plain { text.to_owned() } else { quoted(text) }
}
