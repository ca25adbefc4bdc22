//! One delivery read from its storage: streamed from its start, or by ranges where its directory stands at its end. Nothing
//! of it is laid down anywhere on the way.

mod blocks;
pub(super) mod stored;

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use futures::{Stream, StreamExt};
use sha2::{Digest, Sha256};

use self::stored::{by_magic, directory, same, unchanged};
use super::archive::{self, Member};
use super::batch::Batch;
use super::block::{Examined, Part, Work};
use super::capture::Captured;
use super::check::{Reject, RowChecker, Tally, text_of};
use super::delivery::Delivery;
use super::layout::Layout;
use super::quarantine::{ColumnsAre, Entry, Form, Origin, Quarantine};
use super::reader::{Columns, Heading, LARGEST_WORKBOOK, ParquetReader, Raw, Reader, Record, Sealed, Unpack};
use super::recognise::{self, Head};
use super::report::{DeliveryBook, PartBook};
use super::resolution::{Decision, Lines, Resolutions};
use super::rules::Rules;
use super::scan::{Progress, Spread};
use super::typed_rows::TypedRows;
use crate::error::{Context, Error, Result};
use crate::parallel::{Pending, Workers};
use crate::storage::Store;
use crate::workspace::{Compression, Contract, Format};

/// How many bytes are read between two signs of progress.
const STRIDE: u64 = 1 << 20;
/// Bytes that are read between two writes of the quarantine, and of compressed ones, which may unpack a thousandfold.
const STEP: usize = 256 << 10;
const PACKED_STEP: usize = 8 << 10;
/// The most that the rejected rows of a step may take.
pub(super) const MOST_WAITING: usize = 128 << 20;

/// Starts the threads that examine blocks.
pub(super) type StartWorkers<'s> = dyn Fn() -> Result<Workers<Work, Result<Examined>, Result<()>>> + Sync + 's;

/// A source being read.
pub(super) struct Intake<'a> {
    pub(super) source: &'a str,
    pub(super) contract: &'a Contract,
    pub(super) layouts: &'a [Layout<'a>],
    /// Checks rows of formats that can't be cut into blocks.
    pub(super) rows: RowChecker<'a>,
    /// Judges all rows, in their order.
    pub(super) rules: Rules<'a>,
    pub(super) tally: Tally<'a>,
    pub(super) batch: Batch,
    pub(super) spread: Spread,
    /// Threads that examine blocks, once there is one.
    pub(super) workers: Option<Workers<Work, Result<Examined>, Result<()>>>,
    /// Starts them.
    pub(super) start: &'a StartWorkers<'a>,
    /// Blocks on their way, in their order.
    pub(super) pending: VecDeque<Pending<Result<Examined>>>,
    /// Whether a row, or what became of the rows, has stopped the intake.
    pub(super) stopped: bool,
    /// Lines for the quarantine that are not encrypted yet.
    pub(super) rejected: Vec<u8>,
    /// What was decided about rows that were rejected before.
    pub(super) resolutions: Resolutions,
    /// Each row with what became of it, where somebody wants to know.
    pub(super) captured: Option<Vec<Captured>>,
    pub(super) sink: &'a mut (dyn FnMut(TypedRows) -> Result<()> + Send),
}

/// Where bytes come from and rejected rows go to, and how far it is.
pub(super) struct Way<'a> {
    pub(super) store: &'a Store,
    pub(super) quarantine: &'a mut Quarantine,
    pub(super) at: Progress,
    pub(super) said: u64,
    pub(super) progress: &'a (dyn Fn(Progress) + Sync),
}

/// A delivery, or a part of it, being read.
struct Open<'a> {
    /// What messages call it.
    path: String,
    /// The layouts that it may have.
    layouts: Vec<&'a Layout<'a>>,
    /// For one file of an archive, how it is packed.
    sealed: Option<Sealed>,
    /// Its start, as it was delivered.
    head: Vec<u8>,
    state: State<'a>,
    heading: Heading,
    /// What its blocks have in common, once there is one.
    blocks: Option<Arc<Part>>,
    rows_in: u64,
    admitted: u64,
    rejects: Rejects,
    resolved: u64,
    corrected: u64,
    /// What was decided about its rows.
    decided: Option<Arc<Lines>>,
}

/// The rejected rows of a delivery, or of a part of it.
#[derive(Default)]
struct Rejects {
    rows: u64,
    /// What messages call it.
    path: String,
    /// SHA-256 of the delivery's bytes.
    digest: String,
    /// Its name within the archive.
    part: Option<String>,
    /// Whether the quarantine knows where its rows come from.
    introduced: bool,
}

/// A row that is rejected, as it is kept.
struct Kept<'r> {
    line: u64,
    record: &'r [u8],
    form: Form,
    kinds: &'r str,
}

impl<'r> Kept<'r> {
    fn text(line: u64, record: &'r [u8]) -> Self {
        Self { line, record, form: Form::Text, kinds: "" }
    }
}

enum State<'a> {
    /// Its layout is not known yet.
    New,
    Known {
        layout: &'a Layout<'a>,
        reader: Box<Reader>,
    },
}

impl Way<'_> {
    fn advance(&mut self, bytes: u64) {
        self.at.bytes += bytes;
        if self.at.bytes - self.said >= STRIDE {
            self.said = self.at.bytes;
            (self.progress)(self.at);
        }
    }
}

impl<'a> Intake<'a> {
    pub(super) async fn delivery(&mut self, way: &mut Way<'_>, delivery: &Delivery) -> Result<DeliveryBook> {
        let path = &delivery.path;
        let mut book = DeliveryBook {
            path: path.clone(),
            digest: delivery.digest.clone(),
            bytes: delivery.size,
            duplicates: delivery.duplicates.clone(),
            ..DeliveryBook::default()
        };
        let before = way.at.bytes;
        let layouts = by_magic(way.store, self.layouts, delivery).await?;
        match layouts.first() {
            Some(Layout { format: Format::Parquet {}, compression: Compression::None, .. }) => {
                self.parquet(way, delivery, layouts, &mut book).await?;
            }
            Some(Layout { compression: Compression::Zip, .. }) => {
                self.archive(way, delivery, layouts, &mut book).await?;
            }
            _ => self.stream(way, delivery, layouts, &mut book).await?,
        }
        way.quarantine.add(&mut self.rejected).await?;
        way.at.bytes = before + delivery.size;
        (way.progress)(way.at);
        if book.rows_in == 0 {
            let said = if book.parts.is_empty() { "it is empty" } else { "its files are empty" };
            return Err(empty(path, said));
        }
        Ok(book)
    }

    /// Reads a delivery from its start.
    async fn stream(
        &mut self,
        way: &mut Way<'_>,
        delivery: &Delivery,
        layouts: Vec<&'a Layout<'a>>,
        book: &mut DeliveryBook,
    ) -> Result<()> {
        let path = &delivery.path;
        let mut open = Open::new(path.clone(), layouts, None).of(delivery, None, &self.resolutions);
        let mut hash = Sha256::new();
        let stream = way.store.stream(path).await.context(|| format!("read extract {path}"))?;
        self.pieces(way, path, &mut open, stream, &mut |piece| hash.update(piece)).await?;
        self.end(&mut open)?;
        if open.rows_in == 0 && open.heading.seen() {
            return Err(empty(path, "it has a header and no row"));
        }
        open.add_to(book);
        same(hash, delivery)
    }

    /// Reads the files of an archive in the order of their names.
    async fn archive(
        &mut self,
        way: &mut Way<'_>,
        delivery: &Delivery,
        layouts: Vec<&'a Layout<'a>>,
        book: &mut DeliveryBook,
    ) -> Result<()> {
        let path = &delivery.path;
        let members = directory(way.store, delivery).await?;
        for member in &members {
            member.readable(path)?;
        }
        for member in &members {
            let open = Open::new(format!("{path}/{}", member.name), layouts.clone(), Some(member.sealed)).of(
                delivery,
                Some(&member.name),
                &self.resolutions,
            );
            let open = self.member(way, delivery, member, open).await?;
            open.add_to(book);
            book.parts.push(PartBook {
                name: member.name.clone(),
                layout: open.layout_name(),
                rows_in: open.rows_in,
                admitted: open.admitted,
                rejected: open.rejects.rows,
                resolved: open.resolved,
                corrected: open.corrected,
            });
        }
        unchanged(way.store, delivery).await
    }

    async fn member(
        &mut self,
        way: &mut Way<'_>,
        delivery: &Delivery,
        member: &Member,
        mut open: Open<'a>,
    ) -> Result<Open<'a>> {
        let (path, store) = (&delivery.path, way.store);
        let header = member.offset..(member.offset + archive::HEADER).min(delivery.size);
        let header = store.read_range(path, header).await.context(|| format!("read extract {path}"))?;
        let content = member.content(&header, path)?;
        if content.end > delivery.size {
            return Err(archive::damaged(path, "one of its files ends behind it"));
        }
        if !content.is_empty() {
            let stream = store.stream_range(path, content).await.context(|| format!("read extract {path}"))?;
            self.pieces(way, path, &mut open, stream, &mut |_| {}).await?;
        }
        self.end(&mut open)?;
        if open.rows_in == 0 {
            let said = if open.heading.seen() { "it has a header and no row" } else { "it is empty" };
            return Err(empty(&open.path, said));
        }
        Ok(open)
    }

    /// Reads bytes as they come; `seen` is shown each of them.
    async fn pieces(
        &mut self,
        way: &mut Way<'_>,
        path: &str,
        open: &mut Open<'a>,
        mut stream: impl Stream<Item = Result<Bytes>> + Unpin,
        seen: &mut (dyn FnMut(&[u8]) + Send),
    ) -> Result<()> {
        while let Some(piece) = stream.next().await {
            let piece = piece.context(|| format!("read extract {path}"))?;
            seen(&piece);
            for piece in piece.chunks(open.step()) {
                self.piece(open, piece)?;
                way.quarantine.add(&mut self.rejected).await?;
            }
            way.advance(piece.len() as u64);
        }
        Ok(())
    }

    /// Reads a Parquet file by its row groups.
    async fn parquet(
        &mut self,
        way: &mut Way<'_>,
        delivery: &Delivery,
        layouts: Vec<&'a Layout<'a>>,
        book: &mut DeliveryBook,
    ) -> Result<()> {
        let path = &delivery.path;
        let (mut found, mut refused) = (None, None);
        for layout in &layouts {
            match ParquetReader::open(way.store, layout, path, delivery.size).await {
                Ok(reader) => {
                    found = Some((*layout, reader));
                    break;
                }
                Err(error) => refused = refused.or(Some(error)),
            }
        }
        let Some((layout, mut reader)) = found else {
            return Err(refused.unwrap_or_else(|| empty(path, "it is empty")));
        };
        let mut open = Open::new(path.clone(), layouts, None).of(delivery, None, &self.resolutions);
        while reader.next(&mut |record| self.record(record, layout, &mut open)).await? {
            way.quarantine.add(&mut self.rejected).await?;
        }
        open.add_to(book);
        layout.name.clone_into(&mut book.layout);
        unchanged(way.store, delivery).await
    }

    fn piece(&mut self, open: &mut Open<'a>, bytes: &[u8]) -> Result<()> {
        let room = open.room().saturating_sub(open.head.len()).min(bytes.len());
        open.head.extend_from_slice(&bytes[..room]);
        match open.state {
            State::Known { .. } => self.push(open, bytes),
            // With one layout there is nothing to recognise: its reader says what is wrong.
            State::New if open.layouts.len() == 1 => {
                open.recognise(self.contract, false)?;
                self.push(open, bytes)
            }
            State::New if open.head.len() < open.room() => Ok(()),
            State::New => {
                open.recognise(self.contract, false)?;
                let head = open.head.clone();
                self.push(open, &head)?;
                self.push(open, &bytes[room..])
            }
        }
    }

    fn end(&mut self, open: &mut Open<'a>) -> Result<()> {
        if matches!(open.state, State::New) {
            open.recognise(self.contract, true)?;
            if open.layouts.len() > 1 {
                let head = open.head.clone();
                self.push(open, &head)?;
            }
        }
        let State::Known { layout, mut reader } = std::mem::replace(&mut open.state, State::New) else {
            return Ok(());
        };
        let done = if self.is_in_turn(open) {
            reader.finish(layout, &mut |record| self.record(record, layout, open))
        } else {
            match reader.text() {
                Some((unpack, text)) => self.last_blocks(open, layout, unpack, text),
                None => reader.finish(layout, &mut |record| self.record(record, layout, open)),
            }
        };
        open.state = State::Known { layout, reader };
        done.map_err(|error| open.explain(error, self.contract))
    }

    fn push(&mut self, open: &mut Open<'a>, bytes: &[u8]) -> Result<()> {
        let State::Known { layout, mut reader } = std::mem::replace(&mut open.state, State::New) else {
            return Ok(());
        };
        let done = if self.is_in_turn(open) {
            reader.push(layout, bytes, &mut |record| self.record(record, layout, open))
        } else {
            match reader.text() {
                Some((unpack, text)) => self.blocks(open, layout, unpack, text, bytes),
                None => reader.push(layout, bytes, &mut |record| self.record(record, layout, open)),
            }
        };
        open.state = State::Known { layout, reader };
        done.map_err(|error| open.explain(error, self.contract))
    }

    fn record(&mut self, record: &Record<'_>, layout: &Layout<'_>, open: &mut Open<'a>) -> Result<()> {
        let Some(columns) = open.heading.take(layout, record, &open.path)? else { return Ok(()) };
        open.rows_in += 1;
        let decided: Option<&Decision> =
            open.decided.as_ref().and_then(|lines| lines.get(&record.line)).map(|decision| &**decision);
        let corrected = matches!(decided, Some(Decision::Corrected(_)));
        let checked = match decided {
            None => self.row(record, layout, columns)?,
            Some(Decision::Dropped) => {
                open.resolved += 1;
                return Ok(());
            }
            Some(Decision::Corrected(correction)) => {
                let layout = correction.layout_of(self.layouts).unwrap_or(layout);
                let read = correction.read(self.contract, record.line, |record, columns| {
                    let row = self.row(record, layout, columns)?;
                    Ok(row.map(Reject::of_correction))
                });
                read?
            }
        };
        if let Some(captured) = &mut self.captured {
            captured.push(Captured::new(record, layout, columns, self.contract, checked.as_ref()));
        }
        match checked {
            None => {
                open.admitted += 1;
                open.corrected += u64::from(corrected);
                Ok(())
            }
            Some(reject) => {
                let (form, kinds) = match record.raw {
                    Raw::Bytes(_) => (Form::Text, String::new()),
                    Raw::Cells => (Form::Cells, record.spans.iter().map(|span| span.kind.letter()).collect()),
                };
                let (line, kept) = (record.line, record.kept());
                let kept = Kept { line, record: &kept, form, kinds: &kinds };
                self.reject(&mut open.rejects, (layout, columns), &kept, &reject)
            }
        }
    }

    /// Checks a row, and takes it where it is admitted; says why where it is not.
    fn row(&mut self, record: &Record<'_>, layout: &Layout<'_>, columns: &Columns) -> Result<Option<Reject>> {
        if let Err(reject) = self.rows.check(record, layout, columns) {
            return Ok(Some(reject));
        }
        if let Err(misfit) = self.rules.judge(&self.rows.keys)? {
            return Ok(Some(Reject { field: None, misfit }));
        }
        self.tally.admit(&self.rows.uses);
        let scratch = &self.rows.scratch;
        let full = self.batch.push(&self.rows.cells, |cell| text_of(cell, record.text, scratch))?;
        if full {
            self.hand_on()?;
        }
        Ok(None)
    }

    /// Puts a row into quarantine, the first one of a part with where its rows come from.
    fn reject(
        &mut self,
        of: &mut Rejects,
        (layout, columns): (&Layout<'_>, &Columns),
        row: &Kept<'_>,
        reject: &Reject,
    ) -> Result<()> {
        of.rows += 1;
        if !std::mem::replace(&mut of.introduced, true) {
            let origin = Origin {
                delivery: of.digest.clone(),
                part: of.part.clone(),
                layout: layout.name.to_owned(),
                own: layout.own,
                columns: columns_of(layout, columns, self.contract),
            };
            origin.write(&mut self.rejected)?;
        }
        let entry = Entry {
            source: self.source,
            delivery: &of.path,
            line: row.line,
            column: self.tally.reject(reject),
            rule: reject.misfit.rule,
            reason: &reject.misfit.reason,
            record: row.record,
            form: row.form,
            kinds: row.kinds,
        };
        entry.write(&mut self.rejected)?;
        if self.rejected.len() > MOST_WAITING { Err(too_many_waiting(&of.path)) } else { Ok(()) }
    }

    pub(super) fn hand_on(&mut self) -> Result<()> {
        match self.batch.take()? {
            Some(rows) => (self.sink)(rows),
            None => Ok(()),
        }
    }
}

impl<'a> Open<'a> {
    fn new(path: String, layouts: Vec<&'a Layout<'a>>, sealed: Option<Sealed>) -> Self {
        let rejects = Rejects { path: path.clone(), ..Rejects::default() };
        Self {
            path,
            layouts,
            sealed,
            head: Vec::new(),
            state: State::New,
            heading: Heading::new(),
            blocks: None,
            rows_in: 0,
            admitted: 0,
            rejects,
            resolved: 0,
            corrected: 0,
            decided: None,
        }
    }

    /// With what its rows are known by, and what was decided about them.
    fn of(mut self, delivery: &Delivery, part: Option<&str>, resolutions: &Resolutions) -> Self {
        self.decided = resolutions.of(&delivery.digest, part);
        delivery.digest.clone_into(&mut self.rejects.digest);
        self.rejects.part = part.map(str::to_owned);
        self
    }

    /// How many bytes of its start are kept: a workbook, and packed Parquet, can be recognised as a whole only.
    fn room(&self) -> usize {
        let starts = matches!(self.head.first(), None | Some(b'P' | 0xd0));
        let whole = |layout: &&Layout<'_>| match (layout.format, layout.compression) {
            (Format::Excel { .. }, Compression::None) => starts,
            (Format::Excel { .. } | Format::Parquet {}, compression) => compression != Compression::None,
            _ => false,
        };
        let workbook = self.layouts.len() > 1 && self.layouts.iter().any(whole);
        if workbook { LARGEST_WORKBOOK } else { recognise::HEAD }
    }

    /// How many bytes are read between two writes of the quarantine.
    fn step(&self) -> usize {
        let plain = self.layouts.iter().all(|layout| layout.compression == Compression::None);
        if plain { STEP } else { PACKED_STEP }
    }

    fn reader(&self, layout: &Layout<'_>) -> Result<Reader> {
        match self.sealed {
            Some(sealed) => Reader::over(Unpack::member(sealed, &self.path), layout, &self.path),
            None => Reader::new(layout, &self.path),
        }
    }

    fn recognise(&mut self, contract: &Contract, whole: bool) -> Result<()> {
        let head = Head { bytes: &self.head, whole, path: &self.path };
        let layout = recognise::choose(&self.layouts, &head, &|layout| self.reader(layout))
            .map_err(|error| self.explain(error, contract))?;
        self.state = State::Known { layout, reader: Box::new(self.reader(layout)?) };
        Ok(())
    }

    /// Says more about a layout that is not known.
    fn explain(&self, error: Error, contract: &Contract) -> Error {
        if self.rows_in > 0 || !recognise::is_of_layout(&error) {
            return error;
        }
        let whole = self.head.len() < recognise::HEAD;
        let unpacked = self.sealed.map(|sealed| {
            let mut bytes = Vec::new();
            let mut sink = |piece: &[u8]| {
                if bytes.len() < recognise::HEAD {
                    bytes.extend_from_slice(piece);
                }
                Ok(())
            };
            // A start is no whole file: what it gives before its end is enough.
            let _ = Unpack::member(sealed, &self.path).push(&self.head, &mut sink);
            bytes
        });
        let bytes = unpacked.as_deref().unwrap_or(&self.head);
        let whole = whole && bytes.len() < recognise::HEAD;
        let head = Head { bytes, whole, path: &self.path };
        recognise::explained(error, contract, &self.layouts, &head)
    }

    fn layout_name(&self) -> String {
        match &self.state {
            State::Known { layout, .. } => layout.name.to_owned(),
            State::New => String::new(),
        }
    }

    fn add_to(&self, book: &mut DeliveryBook) {
        book.rows_in += self.rows_in;
        book.admitted += self.admitted;
        book.rejected += self.rejects.rows;
        book.resolved += self.resolved;
        book.corrected += self.corrected;
        if book.layout.is_empty() {
            book.layout = self.layout_name();
        }
    }
}

/// What the columns of rejected rows are.
fn columns_of(layout: &Layout<'_>, columns: &Columns, contract: &Contract) -> ColumnsAre {
    match layout.format {
        Format::Parquet {} | Format::ArrowIpc {} => {
            ColumnsAre::Fields(contract.fields.iter().map(|field| field.name.clone()).collect())
        }
        _ if columns.names.is_empty() => ColumnsAre::Placed,
        _ => ColumnsAre::Named(columns.names.clone()),
    }
}

pub(super) fn too_many_waiting(path: &str) -> Error {
    let said = format!("read extract {path}: its rejected rows take more than {} MiB at once", MOST_WAITING >> 20);
    Error::data("intake.too_many_rejects", said).with_hint(
        "it unpacks to rows that are none, or hardly any row fits; try it with `accord contract check`, and correct the \
         contract or ask the partner to deliver it again",
    )
}

fn empty(path: &str, said: &str) -> Error {
    Error::data("intake.empty_extract", format!("read extract {path}: {said}"))
        .with_hint("ask the partner whether the export ran; remove the file if there is nothing to deliver")
}
