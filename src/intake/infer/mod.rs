//! A first draft of a contract from a sample: its layout, and what its columns seem to hold. The sample is read as a whole
//! by the readers that will read it under the contract, so that what the draft says holds for each of its rows. What it
//! can't know it marks, for a person to decide; no value of a row stands in it, only words that stand for "no value"
//! everywhere.

mod columns;
mod evidence;
mod part;
mod write;

use self::columns::{own, texts};
use self::evidence::Evidence;
use self::part::{Part, Sample, occurrence};
use super::reader::{Heading, Kind, Record};
use super::scan::Progress;
use crate::error::{Error, Result};
use crate::storage::Store;
use crate::workspace::{Encoding, Format};

/// A column of the sample: its name, or its number where it has none, and which of several of that name it is.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Key {
    Named(String, Option<usize>),
    Placed(usize),
}

/// A column, and what was seen of it in all parts.
struct Column {
    key: Key,
    evidence: Evidence,
}

/// Drafts a contract from a file of `size` bytes: of any format, compressed or not, or an archive, whose files are the
/// parts of one delivery.
///
/// # Errors
/// `intake.infer`: nothing can be said about a file of this kind, or an empty one; the file is damaged, or can't be read.
pub async fn infer(
    store: &Store,
    path: &str,
    size: u64,
    id: &str,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<String> {
    let sample = Sample { store, path, size, progress };
    let mut parts = sample.parts().await?;
    let mut columns: Vec<Column> = Vec::new();
    for part in &mut parts {
        sample.columns(part).await?;
        for (key, seen) in gather(&sample, part).await? {
            match columns.iter_mut().find(|known| known.key == key) {
                Some(known) => known.evidence.add(seen),
                None => columns.push(Column { key, evidence: seen }),
            }
        }
    }
    if parts.iter().all(|part| part.rows == 0) || columns.is_empty() {
        return Err(none(path, "it has no row"));
    }
    same_encoding(&mut parts);
    write::draft(&parts, &columns, path, id)
}

/// What all rows of a part say about its columns.
async fn gather(sample: &Sample<'_>, part: &mut Part) -> Result<Vec<(Key, Evidence)>> {
    let first = part.encoding;
    let mut best: Option<(Seen, Encoding)> = None;
    let mut refused = None;
    // The start may be ASCII alone, and what follows is not.
    for encoding in [first, Encoding::Windows1252, Encoding::Latin1] {
        part.encoding = encoding;
        match read(sample, part).await {
            Ok(seen) => {
                let better = best.as_ref().is_none_or(|(best, _)| seen.undecoded < best.undecoded);
                let done = seen.undecoded == 0;
                if better {
                    best = Some((seen, encoding));
                }
                if done {
                    break;
                }
            }
            Err(error) if error.code() == "intake.encoding" => refused = refused.or(Some(error)),
            Err(error) => return Err(error),
        }
        if !matches!(part.format, Format::Delimited { .. } | Format::FixedWidth { .. }) || first == Encoding::Utf16 {
            break;
        }
    }
    let Some((seen, encoding)) = best else {
        return Err(refused.unwrap_or_else(|| none(sample.path, "it has no row")));
    };
    part.encoding = encoding;
    (part.rows, part.broken, part.ascii) = (seen.rows, seen.broken, seen.ascii);
    let named = |at: usize| match part.names.get(at) {
        Some(name) => Key::Named(name.clone(), occurrence(&part.names, at)),
        None => Key::Placed(at),
    };
    Ok(seen.columns.into_iter().enumerate().map(|(at, seen)| (named(at), seen)).collect())
}

/// What came of one reading.
struct Seen {
    columns: Vec<Evidence>,
    rows: u64,
    broken: u64,
    /// Rows whose bytes are no characters of the encoding.
    undecoded: u64,
    ascii: bool,
}

async fn read(sample: &Sample<'_>, part: &Part) -> Result<Seen> {
    let contract = part.contract(&part.names, false)?;
    let layout = own(&contract)?;
    let columns = vec![Evidence::default(); contract.fields.len()];
    let mut seen = Seen { columns, rows: 0, broken: 0, undecoded: 0, ascii: true };
    let mut heading = Heading::new();
    let called = part.called(sample.path);
    let by_itself = !part.format.is_text() && !matches!(part.format, Format::Excel { .. });
    let mut each = |record: &Record<'_>| {
        let places: Vec<Option<usize>> = if by_itself {
            (0..record.spans.len()).map(Some).collect()
        } else {
            let Some(columns) = heading.take(&layout, record, &called)? else { return Ok(()) };
            if record.fault.is_some() || !columns.fits(record.spans.len()) {
                seen.rows += 1;
                seen.broken += 1;
                seen.undecoded += u64::from(record.fault.as_ref().is_some_and(|fault| fault.rule == "encoding"));
                return Ok(());
            }
            columns.of_field.clone()
        };
        seen.rows += 1;
        seen.ascii &= record.text.is_ascii();
        let cells = texts(record);
        for (evidence, place) in seen.columns.iter_mut().zip(places) {
            match place.and_then(|at| cells.get(at)) {
                Some((kind, text)) => evidence.see(*kind, text),
                None => evidence.see(Kind::Null, ""),
            }
        }
        Ok(())
    };
    let (read, _) = sample.records(part, &layout, &mut each).await;
    read?;
    Ok(seen)
}

/// Parts in ASCII alone are in the encoding of the others.
fn same_encoding(parts: &mut [Part]) {
    let other = parts.iter().find(|part| part.format.is_text() && !part.ascii).map(|part| part.encoding);
    let Some(other) = other.filter(|other| *other != Encoding::Utf16) else { return };
    for part in parts.iter_mut().filter(|part| part.ascii && part.encoding == Encoding::Utf8) {
        part.encoding = other;
    }
}

fn none(path: &str, said: &str) -> Error {
    Error::data("intake.infer", format!("draft a contract of {path}: {said}")).with_hint(
        "delimited text, fixed width, JSON lines, xlsx, xls, Parquet and Arrow IPC can be drafted, compressed or not; \
         UTF-16 needs its byte order mark; docs/contracts.md shows how to write a contract by hand",
    )
}
