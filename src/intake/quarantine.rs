//! Rejected rows, whole, with where they stood and why they were rejected, encrypted at rest with age.

use std::fmt;
use std::io::{self, BufRead, BufReader, Write};
use std::sync::{Arc, Mutex, PoisonError};

use age::stream::StreamWriter;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use super::resolution::{Resolutions, RowKey};
use crate::error::{Error, Result};
use crate::sealed;
use crate::storage::{Store, Writer};

/// A file of rejected rows: a line of JSON each, encrypted for one recipient. It appears whole when the source has been
/// read, and not at all where no row was rejected.
pub struct Quarantine {
    /// Where to, and for whom; none where rejects are counted only.
    target: Option<(Store, age::x25519::Recipient)>,
    path: String,
    open: Option<Open>,
    /// What was decided about rows that were rejected before.
    pub(super) resolutions: Resolutions,
}

struct Open {
    encrypting: StreamWriter<Shared>,
    encrypted: Shared,
    writer: Writer,
}

/// A row in quarantine.
#[derive(Clone, PartialEq, Eq)]
pub struct QuarantinedRow {
    /// The source.
    pub source: String,
    /// The delivery's path.
    pub delivery: String,
    /// The row's first physical line, counted from 1.
    pub line: u64,
    /// The column whose value did not fit; none where the rule is about the whole row.
    pub column: Option<String>,
    /// The rule.
    pub rule: String,
    /// The reason, without the value.
    pub reason: String,
    /// The row's bytes as delivered, without the line end; a JSON list of its cells where its format has no such bytes.
    pub record: Vec<u8>,
    /// How it is kept; none in files of versions that did not say.
    pub form: Option<Form>,
    /// The kind of each cell, a letter each, where the row is kept as cells.
    pub(super) kinds: String,
    /// Where it comes from; none in files of versions that did not say.
    pub origin: Option<Arc<Origin>>,
}

/// How a row is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Form {
    /// Its bytes as delivered; of UTF-16 as UTF-8.
    Text,
    /// A list of its cells.
    Cells,
}

/// Where rejected rows come from, as far as it takes to read them again. It stands before the first of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Origin {
    /// SHA-256 of the delivery's bytes.
    pub delivery: String,
    /// The file of an archive.
    pub part: Option<String>,
    /// The layout's name.
    pub layout: String,
    /// Whether that is the layout that the contract itself describes, whatever its name is by now.
    pub own: bool,
    /// What the columns are.
    pub(super) columns: ColumnsAre,
}

/// What the columns of a row are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum ColumnsAre {
    /// Those of a header with these names.
    Named(Vec<String>),
    /// These fields of the contract.
    Fields(Vec<String>),
    /// As the layout places them.
    Placed,
}

impl QuarantinedRow {
    /// By what the row is known, whatever becomes of contract and file names.
    #[must_use]
    pub fn key(&self) -> Option<RowKey> {
        let origin = self.origin.as_ref()?;
        Some(RowKey { delivery: origin.delivery.clone(), part: origin.part.clone(), line: self.line })
    }
}

/// A row as it is written, its bytes in base64.
#[derive(Serialize, Deserialize)]
struct Line<'a> {
    source: std::borrow::Cow<'a, str>,
    delivery: std::borrow::Cow<'a, str>,
    line: u64,
    column: Option<std::borrow::Cow<'a, str>>,
    rule: std::borrow::Cow<'a, str>,
    reason: std::borrow::Cow<'a, str>,
    record: String,
    #[serde(default)]
    form: Option<Form>,
    #[serde(default, skip_serializing_if = "str::is_empty")]
    kinds: std::borrow::Cow<'a, str>,
}

/// The line before the rows of a delivery, or of a part of one.
#[derive(Serialize, Deserialize)]
struct OriginLine<O> {
    origin: O,
}

/// How such a line starts; no row's does.
const ORIGIN: &str = "{\"origin\":";

/// What a reject says.
pub(super) struct Entry<'a> {
    pub(super) source: &'a str,
    pub(super) delivery: &'a str,
    pub(super) line: u64,
    pub(super) column: Option<&'a str>,
    pub(super) rule: &'a str,
    pub(super) reason: &'a str,
    pub(super) record: &'a [u8],
    pub(super) form: Form,
    pub(super) kinds: &'a str,
}

impl Quarantine {
    /// Prepares the file at `path`; nothing is written before the first reject.
    ///
    /// # Errors
    /// None so far.
    pub async fn create(store: &Store, path: &str, recipient: age::x25519::Recipient) -> Result<Self> {
        let target = Some((store.clone(), recipient));
        Ok(Self { target, path: path.to_owned(), open: None, resolutions: Resolutions::default() })
    }

    /// With what was decided about rows that were rejected before: a dropped one is counted as resolved, a corrected one
    /// is read from its correction.
    #[must_use]
    pub fn with_resolutions(self, resolutions: Resolutions) -> Self {
        Self { resolutions, ..self }
    }

    /// A quarantine that keeps nothing.
    #[must_use]
    pub fn discard() -> Self {
        Self { target: None, path: String::new(), open: None, resolutions: Resolutions::default() }
    }

    /// Where the file is.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Starts the file where it is not started.
    pub(super) async fn begin(&mut self) -> Result<()> {
        let Some((store, recipient)) = &self.target else { return Ok(()) };
        if self.open.is_none() {
            let encrypted = Shared::default();
            let recipient: &dyn age::Recipient = recipient;
            let encryptor = age::Encryptor::with_recipients(std::iter::once(recipient))
                .map_err(|error| Error::internal("intake.quarantine", "encrypt the quarantine").with_source(error))?;
            let encrypting = encryptor.wrap_output(encrypted.clone()).map_err(failed)?;
            let writer = store.writer(&self.path).await?;
            self.open = Some(Open { encrypting, encrypted, writer });
        }
        Ok(())
    }

    /// Adds rejected lines, and writes what is encrypted of them.
    pub(super) async fn add(&mut self, lines: &mut Vec<u8>) -> Result<()> {
        if lines.is_empty() {
            return Ok(());
        }
        self.begin().await?;
        let Some(open) = &mut self.open else {
            lines.clear();
            return Ok(());
        };
        open.encrypting.write_all(lines).map_err(failed)?;
        lines.clear();
        open.writer.write(open.encrypted.take().into()).await
    }

    /// Makes the file appear, or removes the one that an earlier run of the same deliveries left where no row is
    /// rejected any more.
    pub(super) async fn finish(&mut self) -> Result<()> {
        let Some(Open { encrypting, encrypted, mut writer }) = self.open.take() else {
            return match &self.target {
                Some((store, _)) => store.remove(&self.path).await,
                None => Ok(()),
            };
        };
        encrypting.finish().map_err(failed)?;
        writer.write(encrypted.take().into()).await?;
        writer.close().await
    }
}

impl Entry<'_> {
    /// Appends the line of this reject.
    pub(super) fn write(&self, into: &mut Vec<u8>) -> Result<()> {
        let line = Line {
            source: self.source.into(),
            delivery: self.delivery.into(),
            line: self.line,
            column: self.column.map(Into::into),
            rule: self.rule.into(),
            reason: self.reason.into(),
            record: STANDARD.encode(self.record),
            form: Some(self.form),
            kinds: self.kinds.into(),
        };
        write_line(&line, into)
    }
}

impl Origin {
    /// Appends the line that stands before the rows from here.
    pub(super) fn write(&self, into: &mut Vec<u8>) -> Result<()> {
        write_line(&OriginLine { origin: self }, into)
    }
}

fn write_line(line: &impl Serialize, into: &mut Vec<u8>) -> Result<()> {
    serde_json::to_writer(&mut *into, line)
        .map_err(|error| Error::internal("intake.quarantine", "write a rejected row").with_source(error))?;
    into.push(b'\n');
    Ok(())
}

/// Opens a quarantine file.
///
/// # Errors
/// The identity is another one than the file was encrypted for, or the file is damaged.
pub fn open(bytes: &[u8], identity: &age::x25519::Identity) -> Result<Vec<QuarantinedRow>> {
    let (mut rows, mut origin) = (Vec::new(), None);
    unseal(bytes, identity, &mut |line| {
        if line.starts_with(ORIGIN) {
            let line: OriginLine<Origin> = serde_json::from_str(line).ok()?;
            origin = Some(Arc::new(line.origin));
            return Some(());
        }
        let line: Line<'_> = serde_json::from_str(line).ok()?;
        rows.push(QuarantinedRow {
            source: line.source.into_owned(),
            delivery: line.delivery.into_owned(),
            line: line.line,
            column: line.column.map(std::borrow::Cow::into_owned),
            rule: line.rule.into_owned(),
            reason: line.reason.into_owned(),
            record: STANDARD.decode(&line.record).ok()?,
            form: line.form,
            kinds: line.kinds.into_owned(),
            origin: origin.clone(),
        });
        Some(())
    })?;
    Ok(rows)
}

/// Decrypts lines, each of which `take` must understand. Nothing is said of what they hold: they hold rows.
pub(super) fn unseal(
    bytes: &[u8],
    identity: &age::x25519::Identity,
    take: &mut dyn FnMut(&str) -> Option<()>,
) -> Result<()> {
    let damaged = || {
        Error::failed("intake.quarantine", "open the quarantine: the key is not its own, or the file is damaged")
            .with_hint("check that the keyring holds the key of the agreement that the run was made under")
    };
    let reader = sealed::unseal(bytes, identity).map_err(|error| damaged().with_source(error))?;
    for line in BufReader::new(reader).lines() {
        let line = line.map_err(|error| damaged().with_source(error))?;
        take(&line).ok_or_else(damaged)?;
    }
    Ok(())
}

pub(super) fn failed(error: io::Error) -> Error {
    Error::internal("intake.quarantine", "encrypt the quarantine").with_source(error)
}

impl fmt::Debug for Quarantine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Quarantine({})", self.path)
    }
}

impl fmt::Debug for QuarantinedRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "QuarantinedRow({} line {}, {}, ..)", self.delivery, self.line, self.rule)
    }
}

/// Encrypted bytes on their way from age, which writes, to the storage, which waits.
#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Vec<u8>>>);

impl Shared {
    fn take(&self) -> Vec<u8> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
