//! The files of a release: written so that equal cells give equal bytes, and read back for checks and differences.

mod codebook;
mod codebook_csv;
mod codebook_html;
mod datapackage;
mod parquet_read;
mod parquet_write;
mod sums;

pub use codebook::{Codebook, ColumnBook, Label, Role, TableBook};
pub use parquet_read::{Column, PublishedMeasure, PublishedTable, Reasons, read_reasons, read_table};
pub(super) use sums::{SUMS, parse_sums};

use bytes::Bytes;

use super::input::CandidateInput;
use crate::error::Result;

/// Status of a figure that is shown.
pub const PUBLISHED: &str = "published";
/// Status of a figure that is hidden.
pub const SUPPRESSED: &str = "suppressed";
/// Status of a rate whose denominator is a published zero.
pub const NOT_APPLICABLE: &str = "not_applicable";

/// The proof for everybody that what is hidden stays hidden.
pub(super) const CERTIFICATE: &str = "certificate.jsonl";

/// A file of a candidate: its name in its folder and its bytes.
pub(super) struct File {
    pub(super) name: String,
    pub(super) bytes: Bytes,
}

/// The name of the status column of a measure.
#[must_use]
pub fn status_column(measure: &str) -> String {
    format!("{measure}_status")
}

/// The files to be published, sorted by name; `SHA256SUMS` names all others.
pub(super) fn release_files(input: &CandidateInput) -> Result<Vec<File>> {
    let books: Vec<Codebook> = input.tables.iter().map(|table| Codebook::new(input, table)).collect();
    let mut files = Vec::new();
    for (table, book) in input.tables.iter().zip(&books) {
        let bytes = parquet_write::table(table, book)?;
        files.push(File { name: format!("{}.parquet", table.name), bytes });
    }
    let package = datapackage::datapackage(input, &books, &files)?;
    files.push(File { name: "datapackage.json".to_owned(), bytes: package });
    files.push(File { name: "codebook.csv".to_owned(), bytes: codebook_csv::codebook_csv(&books) });
    files.push(File { name: "codebook.html".to_owned(), bytes: codebook_html::codebook_html(&books, &input.sources)? });
    files.sort_by(|a, b| a.name.cmp(&b.name));
    if let Some(certificate) = &input.certificate {
        files.push(File { name: CERTIFICATE.to_owned(), bytes: Bytes::from(certificate.clone()) });
        files.sort_by(|a, b| a.name.cmp(&b.name));
    }
    let sums = sums::write_sums(&files);
    files.push(File { name: SUMS.to_owned(), bytes: sums });
    Ok(files)
}

/// The tables of a release as their readers have them, by file name.
pub(super) fn as_published(input: &CandidateInput) -> Result<Vec<PublishedTable>> {
    let mut tables = Vec::new();
    for table in &input.tables {
        tables.push(read_table(parquet_write::table(table, &Codebook::new(input, table))?)?);
    }
    tables.sort_by(|a, b| a.book.table.name.cmp(&b.book.table.name));
    Ok(tables)
}

/// The files that only stewards see, sorted by name.
pub(super) fn steward_files(input: &CandidateInput) -> Result<Vec<File>> {
    let mut files = Vec::new();
    for table in &input.tables {
        let bytes = parquet_write::reasons(table)?;
        files.push(File { name: format!("reasons_{}.parquet", table.name), bytes });
    }
    files.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(files)
}
