//! The columns of a part: what its format says of them, or what its first rows look like.

use super::super::layout::Layout;
use super::super::reader::{Kind, ParquetReader, Raw, Record, joined, json_keys};
use super::evidence::{NO_VALUE, is_of_numbers};
use super::none;
use super::part::{Part, Sample};
use crate::error::{Error, Result};
use crate::workspace::{Compression, Format};

/// Rows of a sheet, or of text, among which the names of the columns are looked for.
const FIRST_ROWS: usize = 60;
/// Keys that are looked for in JSON.
const MOST_KEYS: usize = 16_384;
/// Rows without which blanks do not show where the fields of fixed-width lines stand.
const ENOUGH_ROWS: usize = 50;
/// Words of which the names of columns are made.
const WORDS: &str = "id ids identifier number num no nbr name names first last middle given family suffix preferred \
    birth born dob date day month year yr term semester quarter school schools district college county city state zip \
    street address email phone student students person people learner child guardian parent ssid ssn local code codes \
    key type kind status level grade gender sex race ethnicity language english score scores scale test subject course \
    units unit credits gpa rate count total percent entry exit enrollment enrolment start end begin completion degree \
    major section group title description value flag foster homeless migrant el ell sed swd lea cds created updated \
    of the in at is has";

type First = Vec<(u64, Vec<(Kind, String)>)>;

impl Sample<'_> {
    /// Finds the columns of a part, as far as its first bytes did not show them.
    pub(super) async fn columns(&self, part: &mut Part) -> Result<()> {
        match part.format.clone() {
            Format::Delimited { .. } => self.delimited(part).await,
            Format::FixedWidth { record_length, .. } => self.fixed_width(part, record_length).await,
            Format::Excel { .. } => self.workbook(part).await,
            Format::JsonLines {} => self.json(part).await,
            Format::Parquet {} | Format::ArrowIpc {} => self.schema(part).await,
        }
    }

    /// A first row that may be a person's is none of names.
    async fn delimited(&self, part: &mut Part) -> Result<()> {
        if part.names.is_empty() {
            return Ok(());
        }
        let names = std::mem::take(&mut part.names);
        let contract = part.contract(&names, false)?;
        let layout = own(&contract)?;
        let mut heading = super::super::reader::Heading::new();
        let mut rows: Vec<Vec<String>> = Vec::new();
        let mut each = |record: &Record<'_>| {
            if heading.take(&layout, record, self.path)?.is_some() {
                rows.push(texts(record).into_iter().map(|(_, text)| text).collect());
            }
            if rows.len() == FIRST_ROWS { Err(enough()) } else { Ok(()) }
        };
        let (read, _) = self.records(part, &layout, &mut each).await;
        // What is wrong with the file comes up when it is read as a whole.
        drop(read);
        if names_columns(&names, &rows) {
            part.names = names;
        } else if let Format::Delimited { header, header_rows, .. } = &mut part.format {
            (*header, *header_rows) = (false, 1);
            part.unsure = true;
        }
        Ok(())
    }

    /// Blanks in each line show where fields stand, where there are enough lines.
    async fn fixed_width(&self, part: &mut Part, record_length: usize) -> Result<()> {
        part.places = vec![(1, record_length)];
        part.width = 1;
        let contract = part.contract(&[], false)?;
        let layout = own(&contract)?;
        let (mut used, mut rows) = (vec![false; record_length], 0_usize);
        let mut each = |record: &Record<'_>| {
            if record.fault.is_none() {
                rows += 1;
                let characters = record.text.chars().zip(&mut used);
                characters.for_each(|(one, used)| *used |= one != ' ');
            }
            Ok(())
        };
        let (read, _) = self.records(part, &layout, &mut each).await;
        read?;
        if rows >= ENOUGH_ROWS {
            let mut places: Vec<(usize, usize)> = Vec::new();
            for (at, used) in used.iter().enumerate().filter(|(_, used)| **used) {
                debug_assert!(*used);
                match places.last_mut() {
                    Some((start, length)) if *start + *length == at + 1 => *length += 1,
                    _ => places.push((at + 1, 1)),
                }
            }
            part.width = places.len();
            part.places = places;
        }
        Ok(())
    }

    /// The sheet and the rows of a workbook that name columns.
    async fn workbook(&self, part: &mut Part) -> Result<()> {
        let mut bare = None;
        for number in 1.. {
            let sheet = |header, title_rows, header_rows| Format::Excel {
                header,
                sheet: None,
                sheet_number: (number > 1).then_some(number),
                title_rows,
                header_rows,
            };
            part.format = sheet(false, 0, 1);
            part.width = 0;
            let contract = part.contract(&[], false)?;
            let layout = own(&contract)?;
            let mut rows: First = Vec::new();
            let mut each = |record: &Record<'_>| {
                if rows.len() < FIRST_ROWS {
                    rows.push((record.line, texts(record)));
                }
                Ok(())
            };
            let (read, sheets) = self.records(part, &layout, &mut each).await;
            read?;
            part.sheets = sheets.unwrap_or_default();
            if let Some((titles, names, header_rows)) = header(&rows) {
                part.format = sheet(true, titles, header_rows);
                part.names = names;
                return Ok(());
            }
            let full = |row: &(u64, Vec<(Kind, String)>)| row.1.iter().any(|(_, text)| !text.trim().is_empty());
            if bare.is_none()
                && let Some((line, _)) = rows.iter().find(|row| full(row))
            {
                let titles = usize::try_from(line - 1).unwrap_or_default();
                let width = rows.iter().map(|row| row.1.len()).max().unwrap_or_default();
                bare = Some((sheet(false, titles, 1), width));
            }
            if number >= part.sheets.len() {
                break;
            }
        }
        let (format, width) = bare.ok_or_else(|| none(self.path, "its sheets are empty"))?;
        (part.format, part.width) = (format, width);
        Ok(())
    }

    /// All keys, in the order in which they come up.
    async fn json(&self, part: &mut Part) -> Result<()> {
        let contract = part.contract(&["\0".to_owned()], true)?;
        let layout = own(&contract)?;
        let mut names: Vec<String> = Vec::new();
        let mut seen = std::collections::HashSet::new();
        let mut each = |record: &Record<'_>| {
            let Raw::Bytes(line) = record.raw else { return Ok(()) };
            let line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line);
            let keys = std::str::from_utf8(line).ok().and_then(json_keys).unwrap_or_default();
            for key in keys {
                if names.len() < MOST_KEYS && !seen.contains(&key) {
                    seen.insert(key.clone());
                    names.push(key);
                }
            }
            Ok(())
        };
        let (read, _) = self.records(part, &layout, &mut each).await;
        read?;
        part.names = names;
        Ok(())
    }

    /// The names that a file of columns has itself.
    async fn schema(&self, part: &mut Part) -> Result<()> {
        if matches!((&part.format, part.compression), (Format::Parquet {}, Compression::None)) {
            part.names = ParquetReader::names(self.store, self.path, self.size).await?;
            return Ok(());
        }
        let contract = part.contract(&["\0".to_owned()], true)?;
        let layout = own(&contract)?;
        let (read, names) = self.records(part, &layout, &mut |_| Ok(())).await;
        part.names = match (names, read) {
            // None of them is the one that was asked for.
            (Some(names), _) => names,
            (None, Err(error)) => return Err(error),
            (None, Ok(())) => return Err(none(self.path, "it is empty")),
        };
        Ok(())
    }
}

/// The contract's own layout.
pub(super) fn own(contract: &crate::workspace::Contract) -> Result<Layout<'_>> {
    Ok(Layout::all(contract)?.remove(0))
}

/// Ends a reading that has seen enough.
fn enough() -> Error {
    Error::internal("intake.infer", "read a sample to its end")
}

/// The cells of a record as they read.
pub(super) fn texts(record: &Record<'_>) -> Vec<(Kind, String)> {
    let quote = record.quote.to_string();
    let cell = |span: &super::super::reader::Span| {
        let text = &record.text[span.start as usize..span.end as usize];
        (span.kind, if span.escaped() { text.replace(&quote.repeat(2), &quote) } else { text.to_owned() })
    };
    record.spans.iter().map(cell).collect()
}

/// Rows above the names of the columns, the names, and how many rows they take.
fn header(rows: &First) -> Option<(usize, Vec<String>, usize)> {
    let width = rows.iter().map(|(_, row)| row.len()).max()?;
    let full = |row: &[(Kind, String)]| row.iter().filter(|(_, text)| !text.trim().is_empty()).count();
    let worded = |row: &[(Kind, String)]| {
        let words = |(kind, text): &(Kind, String)| {
            text.trim().is_empty() || (*kind == Kind::Plain && text.chars().any(char::is_alphabetic))
        };
        row.iter().all(words)
    };
    let names = |row: &[(Kind, String)]| {
        let mut names: Vec<String> = row.iter().map(|(_, text)| text.clone()).collect();
        names.resize(width, String::new());
        names
    };
    let at = rows.iter().position(|(_, row)| full(row) * 10 >= width * 9)?;
    let (line, row) = &rows[at];
    let behind: Vec<Vec<String>> = rows[at + 1..].iter().map(|(_, row)| names(row)).collect();
    if !worded(row) || behind.is_empty() || !names_columns(&names(row), &behind) {
        return None;
    }
    let titles = |line: u64| usize::try_from(line - 1).unwrap_or(usize::MAX);
    // Names of groups stand over several columns; a title stands over the first one.
    let groups = at.checked_sub(1).map(|at| &rows[at]).filter(|(above, groups)| {
        let place = groups.iter().position(|(_, text)| !text.trim().is_empty());
        *above + 1 == *line && worded(groups) && (full(groups) > 1 || place.is_some_and(|place| place > 0))
    });
    match groups {
        Some((above, groups)) => Some((titles(*above), joined(&[names(groups), names(row)]), 2)),
        None => Some((titles(*line), names(row), 1)),
    }
}

/// Whether these are surely the names of columns: a row of a person is never taken for them.
fn names_columns(names: &[String], rows: &[Vec<String>]) -> bool {
    let is_name = |name: &String| {
        let mut words = words(name).peekable();
        words.peek().is_some() && words.all(|word| WORDS.split(' ').any(|known| known == word))
    };
    let over_numbers = |(at, name): (usize, &String)| {
        let none = |cell: &&String| cell.trim().is_empty() || NO_VALUE.contains(&cell.trim());
        let cells = || rows.iter().filter_map(|row| row.get(at)).filter(|cell| !none(cell));
        let worded = name.chars().any(char::is_alphabetic) && !NO_VALUE.contains(&name.trim());
        worded && cells().next().is_some() && cells().all(|cell| is_of_numbers(cell))
    };
    // Pieces of JSON, or of a row in quotes.
    if names.iter().any(|name| name.contains(['"', '{', '}'])) {
        return false;
    }
    names.iter().any(is_name) || names.iter().enumerate().any(over_numbers)
}

/// The words of a name, in small letters: `StudentID` has two.
pub(super) fn words(name: &str) -> impl Iterator<Item = String> {
    let mut spaced = String::new();
    let mut before = ' ';
    for one in name.chars() {
        if one.is_uppercase() && before.is_lowercase() {
            spaced.push(' ');
        }
        spaced.push(one);
        before = one;
    }
    let words = spaced.split(|one: char| !one.is_alphanumeric()).filter(|word| !word.is_empty());
    words.map(str::to_lowercase).collect::<Vec<_>>().into_iter()
}
