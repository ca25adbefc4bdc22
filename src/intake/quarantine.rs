//! Rejected rows, whole, with where they stood and why they were rejected, encrypted at rest with age.

use std::fmt;
use std::io::{self, BufRead, BufReader, Write};
use std::sync::{Arc, Mutex, PoisonError};

use age::stream::StreamWriter;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::storage::{Store, Writer};

/// A file of rejected rows: a line of JSON each, encrypted for one recipient. It appears whole when the source has been
/// read, and not at all where no row was rejected.
pub struct Quarantine {
    /// Where to, and for whom; none where rejects are counted only.
    target: Option<(Store, age::x25519::Recipient)>,
    path: String,
    open: Option<Open>,
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
    /// The row's bytes as delivered, without the line end.
    pub record: Vec<u8>,
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
}

/// What a reject says.
pub(super) struct Entry<'a> {
    pub(super) source: &'a str,
    pub(super) delivery: &'a str,
    pub(super) line: u64,
    pub(super) column: Option<&'a str>,
    pub(super) rule: &'a str,
    pub(super) reason: &'a str,
    pub(super) record: &'a [u8],
}

impl Quarantine {
    /// Prepares the file at `path`; nothing is written before the first reject.
    ///
    /// # Errors
    /// None so far.
    pub async fn create(store: &Store, path: &str, recipient: age::x25519::Recipient) -> Result<Self> {
        Ok(Self { target: Some((store.clone(), recipient)), path: path.to_owned(), open: None })
    }

    /// A quarantine that keeps nothing.
    #[must_use]
    pub fn discard() -> Self {
        Self { target: None, path: String::new(), open: None }
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
        };
        serde_json::to_writer(&mut *into, &line)
            .map_err(|error| Error::internal("intake.quarantine", "write a rejected row").with_source(error))?;
        into.push(b'\n');
        Ok(())
    }
}

/// Opens a quarantine file.
///
/// # Errors
/// The identity is another one than the file was encrypted for, or the file is damaged.
pub fn open(bytes: &[u8], identity: &age::x25519::Identity) -> Result<Vec<QuarantinedRow>> {
    let damaged = || {
        Error::failed("intake.quarantine", "open the quarantine: the key is not its own, or the file is damaged")
            .with_hint("check that the keyring holds the key of the agreement that the run was made under")
    };
    let decryptor = age::Decryptor::new_buffered(bytes).map_err(|error| damaged().with_source(error))?;
    let reader = decryptor
        .decrypt(std::iter::once(identity as &dyn age::Identity))
        .map_err(|error| damaged().with_source(error))?;
    let mut rows = Vec::new();
    for line in BufReader::new(reader).lines() {
        let line = line.map_err(|error| damaged().with_source(error))?;
        // The cause of a line that is no JSON could quote it.
        let line: Line<'_> = serde_json::from_str(&line).map_err(|_| damaged())?;
        rows.push(QuarantinedRow {
            source: line.source.into_owned(),
            delivery: line.delivery.into_owned(),
            line: line.line,
            column: line.column.map(std::borrow::Cow::into_owned),
            rule: line.rule.into_owned(),
            reason: line.reason.into_owned(),
            record: STANDARD.decode(&line.record).map_err(|_| damaged())?,
        });
    }
    Ok(rows)
}

fn failed(error: io::Error) -> Error {
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
