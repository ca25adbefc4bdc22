//! A first spec, guessed from files: what a person must look at is said beside it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::PathBuf;

use super::across::{Across, across};
use super::assemble::{Source, open};
use super::guess::{
    Guess, NONE, TOTALS, determines, format_of, guess, is_mark_among, likeness, minimum, never_above,
    numbered_categories, scored, settles, sum, tell_apart,
};
use super::marks;
use super::raw::{RawColumn, RawFile};
use super::records;
use super::spec::FormatSpec;
use super::words::unwrapped;
use crate::error::{Error, Result};
use crate::yaml::quoted;

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
    if let Some(refused) = records::refused(&file) {
        return Err(refused);
    }
    let mut guesses: Vec<Guess> = file.columns.iter().map(guess).collect();
    numbered_categories(&file, &mut guesses);
    tell_apart(&file, &mut guesses);
    if !guesses.iter().any(|guess| matches!(guess, Guess::Count | Guess::Amount { .. })) {
        let columns: Vec<&str> = file.columns.iter().map(|column| column.name.as_str()).collect();
        return Err(Error::data("tables.draft", format!("no column of {name} looks like counts"))
            .with_hint(format!("its columns are {}; is the header in another line?", columns.join(", "))));
    }
    let counts: Vec<&RawColumn> =
        file.columns.iter().zip(&guesses).filter(|(_, guess)| **guess == Guess::Count).map(|(one, _)| one).collect();
    let across = across(&file, &counts);
    let behind = Behind::of(&file, &guesses);
    Ok(Draft { file: &file, guesses: &guesses, format: &format, paths, across, behind }.write())
}

/// Who is behind amounts, by the names of columns.
#[derive(Default)]
struct Behind {
    people: Option<String>,
    organisations: Option<String>,
    largest: Vec<String>,
}

impl Behind {
    fn of(file: &RawFile, guesses: &[Guess]) -> Self {
        let mut behind = Self::default();
        if !guesses.iter().any(|guess| matches!(guess, Guess::Amount { .. })) {
            return behind;
        }
        for (column, guess) in file.columns.iter().zip(guesses) {
            let name = column.name.to_lowercase();
            let has = |words: &[&str]| words.iter().any(|word| name.contains(word));
            match guess {
                Guess::Count
                    if has(&["employer", "establishment", "firm", "compan", "organi", "units", "obs", "contribut"]) =>
                {
                    behind.organisations.get_or_insert_with(|| column.name.clone());
                }
                Guess::Count if has(&["people", "worker", "employee", "person", "earner"]) => {
                    behind.people.get_or_insert_with(|| column.name.clone());
                }
                Guess::Amount { .. } if has(&["first", "second", "third", "largest", "top", "max"]) => {
                    behind.largest.push(column.name.clone());
                }
                _ => {}
            }
        }
        behind
    }

    fn has(&self, name: &str) -> bool {
        [&self.people, &self.organisations].into_iter().flatten().chain(&self.largest).any(|one| one == name)
    }

    /// The rules that its columns suffice for.
    fn rules(&self) -> Option<String> {
        let rules = [
            self.organisations.as_ref().map(|_| "organisations: 3"),
            self.people.as_ref().filter(|_| self.organisations.is_none()).map(|_| "people: 10"),
            (!self.largest.is_empty()).then_some("dominance: { n: 1, k: 80 }"),
            (self.largest.len() > 1).then_some("percent: 10"),
        ];
        let rules: Vec<&str> = rules.into_iter().flatten().collect();
        (!rules.is_empty()).then(|| rules.join(", "))
    }
}

struct Draft<'a> {
    file: &'a RawFile,
    guesses: &'a [Guess],
    format: &'a FormatSpec,
    paths: &'a [PathBuf],
    across: Vec<Across>,
    behind: Behind,
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
        let (minimum, why) =
            minimum(self.file, self.guesses).unwrap_or((11, "the smallest count that you may publish"));
        writeln!(out, "  minimum_cell: {minimum:<2}              # LOOK: {why}; 11 hides 1 to 10")?;
        writeln!(out, "  level: full                   # full | exact | {{ interval: 5 }} | {{ percent: 30 }}")?;
        if let Some(rules) = self.behind.rules() {
            writeln!(out, "  magnitudes: [{rules}]   # LOOK: what makes an amount sensitive")?;
        }
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
        if let Some(rows) = self.format.header_rows {
            format.push(format!("header_rows: {rows}"));
        }
        if self.format.footer_rows > 0 {
            format.push(format!("footer_rows: {}", self.format.footer_rows));
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
        let is_mark = is_mark_among(words.iter().copied());
        let found: Vec<&str> = words.iter().copied().filter(|word| is_mark(word)).collect();
        let (none, hidden): (Vec<&str>, Vec<&str>) = found.iter().copied().partition(|word| NONE.contains(word));
        let list = |words: &[&str]| words.iter().map(|one| quoted(one)).collect::<Vec<_>>().join(", ");
        // The first one is written: a mark that a reader sees, and does not take for a bound.
        let mut hidden = if hidden.iter().all(|word| word.is_empty()) { [vec!["*"], hidden].concat() } else { hidden };
        if hidden.iter().all(|word| marks::tells(word)) {
            hidden.insert(0, "*");
        }
        hidden.sort_by_key(|word| (word.is_empty(), marks::tells(word)));
        writeln!(out, "symbols:")?;
        writeln!(
            out,
            "  suppressed: [{}]             # LOOK: a figure is hidden; the first one is written",
            list(&hidden)
        )?;
        let bounds: Vec<String> =
            hidden.iter().filter_map(|word| Some((word, marks::of_count(word)?))).map(bound).collect();
        if !bounds.is_empty() {
            let bounds = bounds.join(", ");
            writeln!(out, "  bounds: {{ {bounds} }}   # LOOK: what a mark says of the counts that it hides")?;
        }
        if !none.is_empty() {
            writeln!(
                out,
                "  none: [{}]                 # LOOK: there is no such group, so its count is 0; `missing` says nothing of it",
                list(&none)
            )?;
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
            let own = column.words.iter().map(|one| unwrapped(one));
            let subtotal =
                own.filter(|one| Some(*one) != total).find(|one| TOTALS.contains(&one.to_lowercase().as_str()));
            let look = match total {
                Some(label) => {
                    keys.push(format!("total: {}", word(label)));
                    if let Some(label) = subtotal {
                        keys.push(format!("subtotal: {}", word(label)));
                    }
                    "LOOK: is this the total of the others?"
                }
                None => "LOOK: no total found; say `total: All` to have totals, if they are published anywhere",
            };
            entry(out, &name, &keys, look)?;
        }
        if !self.across.is_empty() {
            let total = self.across.iter().find_map(|one| one.total.as_deref());
            let keys: Vec<String> = total.map(|label| format!("total: {}", word(label))).into_iter().collect();
            entry(out, CATEGORY, &keys, "LOOK: stands across the columns; call it what it is, such as race or gender")?;
        }
        let mut names: Vec<String> = own
            .iter()
            .filter(|column| !inner.contains(column.name.as_str()))
            .map(|column| name_of(&column.name))
            .collect();
        names.extend((!self.across.is_empty()).then(|| CATEGORY.to_owned()));
        scores(out, &names)?;
        Ok(kept)
    }

    /// Measures across a dimension.
    fn wide(&self, out: &mut String) -> std::fmt::Result {
        for (at, one) in self.across.iter().enumerate() {
            let name = one.measure.as_deref().map_or_else(|| "n".to_owned(), name_of);
            let whole = self.across[..at].iter().find(|whole| self.is_within(one, whole));
            let of = whole.and_then(|whole| whole.measure.as_deref()).map(name_of);
            let of = of.map(|of| format!(" of: {},", word(&of))).unwrap_or_default();
            writeln!(out, "      {}: {{{of} across: {CATEGORY}, columns: {{ # LOOK: counts of people?", word(&name))?;
            for (category, column) in &one.columns {
                writeln!(out, "        {}: {},", word(category), word(column))?;
            }
            writeln!(out, "      }} }}")?;
        }
        Ok(())
    }

    /// Whether the figures of one are never above those of the other.
    fn is_within(&self, one: &Across, whole: &Across) -> bool {
        one.columns.iter().all(|(category, column)| {
            let other = whole.columns.iter().find(|(own, _)| own == category);
            let pair = other.and_then(|(_, other)| self.file.column(column).zip(self.file.column(other)));
            pair.is_some_and(|(part, all)| never_above(part, all))
        })
    }

    fn measures(&self, out: &mut String) -> std::fmt::Result {
        let taken = |name: &str| self.across.iter().flat_map(|one| &one.columns).any(|(_, column)| column == name);
        let mut counts = self.of(|guess| *guess == Guess::Count);
        counts.retain(|column| !taken(&column.name) && !self.behind.has(&column.name));
        writeln!(out, "    measures:")?;
        self.wide(out)?;
        self.amounts(out)?;
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
        self.middles(out)?;
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

/// What a draft calls the dimension that stands across columns.
const CATEGORY: &str = "category";

impl Draft<'_> {
    fn amounts(&self, out: &mut String) -> std::fmt::Result {
        for (column, guess) in self.file.columns.iter().zip(self.guesses) {
            let Guess::Amount { decimals } = guess else { continue };
            if self.behind.has(&column.name) {
                continue;
            }
            let mut keys = vec![format!("decimals: {decimals}")];
            for (key, name) in [("people", &self.behind.people), ("organisations", &self.behind.organisations)] {
                keys.extend(name.iter().map(|name| format!("{key}: {}", word(name))));
            }
            if keys.len() == 1 {
                writeln!(
                    out,
                    "      # LOOK: `{}` looks like an amount: as `magnitude`, with the column of how many `people` or \
                     `organisations` are behind it",
                    column.name
                )?;
                continue;
            }
            if !self.behind.largest.is_empty() {
                let names: Vec<String> = self.behind.largest.iter().map(|name| word(name)).collect();
                keys.push(format!("largest: [{}]", names.join(", ")));
            }
            let name = name_of(&column.name);
            let own = if name == column.name { String::new() } else { format!("column: {}, ", word(&column.name)) };
            let keys = [format!("{own}magnitude: {{ {} }}", keys.join(", "))];
            entry(out, &name, &keys, "LOOK: an amount, and who is behind it?")?;
        }
        Ok(())
    }

    /// Medians and averages are no sums: what protects them is another rule.
    fn middles(&self, out: &mut String) -> std::fmt::Result {
        let middles = self.of(|guess| matches!(guess, Guess::Middle { .. }));
        middles.into_iter().try_for_each(|column| {
            writeln!(out, "    # LOOK: `{}` looks like a median or an average: see `quantiles`", column.name)
        })
    }
}

/// What the publication score would need, where a dimension is a trait of people. Left to the author: how many people live in
/// a place is in no file.
fn scores(out: &mut String, names: &[String]) -> std::fmt::Result {
    if !names.iter().any(|name| scored(name).1) {
        return Ok(());
    }
    writeln!(
        out,
        "    # LOOK: CalHHS's publication score takes `policy: {{ score: {{ calhhs: edition_2 }} }}` and, by their names,"
    )?;
    for name in names {
        writeln!(out, "    #   {}: {{ score: {} }}", word(name), scored(name).0)?;
    }
    writeln!(
        out,
        "    #   and of the whole table `score: [{{ months: 12 }}, {{ residence: PEOPLE }}]`, unless a dimension says it"
    )
}

/// What a mark says of counts, as a spec has it.
fn bound((word, bounds): (&&str, marks::Bounds)) -> String {
    let least = (bounds.least > 0).then(|| format!("least: {}", bounds.least));
    let most = bounds.most.map(|most| format!("most: {most}"));
    let keys: Vec<String> = least.into_iter().chain(most).collect();
    format!("{}: {{ {} }}", quoted(word), keys.join(", "))
}

/// An entry with what a person must look at beside it.
fn entry(out: &mut String, name: &str, keys: &[String], look: &str) -> std::fmt::Result {
    let keys = if keys.is_empty() { String::new() } else { format!(" {{ {} }}", keys.join(", ")) };
    writeln!(out, "      {}:{keys}   # {look}", word(name))
}

/// The columns that contain a column's categories, the nearest first: it settles them, and they have fewer words.
fn within<'c>(column: &RawColumn, all: &[&'c RawColumn]) -> Vec<&'c str> {
    let mut above: Vec<&&RawColumn> = all
        .iter()
        .filter(|other| other.name != column.name && other.words.len() > 1 && other.words.len() < column.words.len())
        .filter(|other| settles(column, other))
        .collect();
    above.sort_by_key(|other| std::cmp::Reverse(other.words.len()));
    // Only a chain is one hierarchy.
    let mut chain: Vec<&&RawColumn> = Vec::new();
    for one in above {
        if chain.last().is_none_or(|last| settles(last, one)) {
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
