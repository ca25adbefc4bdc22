//! One delivery read from its storage: streamed from its start, or by ranges where its directory stands at its end. Nothing
//! of it is laid down anywhere on the way.

use bytes::Bytes;
use futures::StreamExt;
use sha2::{Digest, Sha256};

use super::archive::{self, Member, Place};
use super::batch::Batch;
use super::check::{Checker, text_of};
use super::delivery::Delivery;
use super::layout::Layout;
use super::quarantine::{Entry, Quarantine};
use super::reader::{Heading, ParquetReader, Reader, Record, Unpack};
use super::report::{DeliveryBook, PartBook};
use super::scan::Progress;
use super::typed_rows::TypedRows;
use crate::error::{Context, Error, Result};
use crate::storage::Store;
use crate::workspace::{Compression, Format};

/// How many bytes are read between two signs of progress.
const STRIDE: u64 = 1 << 20;

/// A source being read.
pub(super) struct Intake<'a> {
    pub(super) source: &'a str,
    pub(super) layout: &'a Layout<'a>,
    pub(super) checker: Checker<'a>,
    pub(super) batch: Batch,
    /// Lines for the quarantine that are not encrypted yet.
    pub(super) rejected: Vec<u8>,
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
struct Open {
    heading: Heading,
    /// What messages call it.
    path: String,
    rows_in: u64,
    admitted: u64,
    rejected: u64,
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

impl Intake<'_> {
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
        match (self.layout.format, self.layout.compression) {
            (Format::Parquet {}, _) => self.parquet(way, delivery, &mut book).await?,
            (_, Compression::Zip) => self.archive(way, delivery, &mut book).await?,
            _ => self.stream(way, delivery, &mut book).await?,
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
    async fn stream(&mut self, way: &mut Way<'_>, delivery: &Delivery, book: &mut DeliveryBook) -> Result<()> {
        let path = &delivery.path;
        let mut reader = Reader::new(self.layout, path)?;
        let mut open = Open::new(path.clone());
        let mut hash = Sha256::new();
        let mut stream = way.store.stream(path).await.context(|| format!("read extract {path}"))?;
        while let Some(piece) = stream.next().await {
            let piece: Bytes = piece.context(|| format!("read extract {path}"))?;
            hash.update(&piece);
            self.piece(&mut reader, &mut open, &piece)?;
            way.quarantine.add(&mut self.rejected).await?;
            way.advance(piece.len() as u64);
        }
        self.end(&mut reader, &mut open)?;
        if open.rows_in == 0 && open.heading.seen() {
            return Err(empty(path, "it has a header and no row"));
        }
        open.add_to(book);
        same(hash, delivery)
    }

    /// Reads the files of an archive in the order of their names.
    async fn archive(&mut self, way: &mut Way<'_>, delivery: &Delivery, book: &mut DeliveryBook) -> Result<()> {
        let path = &delivery.path;
        let members = directory(way.store, delivery).await?;
        for member in &members {
            member.readable(path)?;
        }
        for member in &members {
            let part = self.member(way, delivery, member).await?;
            book.rows_in += part.rows_in;
            book.admitted += part.admitted;
            book.rejected += part.rejected;
            book.parts.push(part);
        }
        unchanged(way.store, delivery).await
    }

    async fn member(&mut self, way: &mut Way<'_>, delivery: &Delivery, member: &Member) -> Result<PartBook> {
        let (path, store) = (&delivery.path, way.store);
        let mut open = Open::new(format!("{path}/{}", member.name));
        let mut reader = Reader::over(Unpack::member(member.sealed, &open.path), self.layout, &open.path)?;
        let header = member.offset..(member.offset + archive::HEADER).min(delivery.size);
        let header = store.read_range(path, header).await.context(|| format!("read extract {path}"))?;
        let content = member.content(&header, path)?;
        if content.end > delivery.size {
            return Err(archive::damaged(path, "one of its files ends behind it"));
        }
        if !content.is_empty() {
            let mut stream = store.stream_range(path, content).await.context(|| format!("read extract {path}"))?;
            while let Some(piece) = stream.next().await {
                let piece: Bytes = piece.context(|| format!("read extract {path}"))?;
                self.piece(&mut reader, &mut open, &piece)?;
                way.quarantine.add(&mut self.rejected).await?;
                way.advance(piece.len() as u64);
            }
        }
        self.end(&mut reader, &mut open)?;
        if open.rows_in == 0 {
            let said = if open.heading.seen() { "it has a header and no row" } else { "it is empty" };
            return Err(empty(&open.path, said));
        }
        let (rows_in, admitted, rejected) = (open.rows_in, open.admitted, open.rejected);
        Ok(PartBook { name: member.name.clone(), rows_in, admitted, rejected })
    }

    /// Reads a Parquet file by its row groups.
    async fn parquet(&mut self, way: &mut Way<'_>, delivery: &Delivery, book: &mut DeliveryBook) -> Result<()> {
        let path = &delivery.path;
        let mut reader = ParquetReader::open(way.store, self.layout, path, delivery.size).await?;
        let mut open = Open::new(path.clone());
        while reader.next(&mut |record| self.record(record, &mut open)).await? {
            way.quarantine.add(&mut self.rejected).await?;
        }
        open.add_to(book);
        unchanged(way.store, delivery).await
    }

    fn piece(&mut self, reader: &mut Reader, open: &mut Open, bytes: &[u8]) -> Result<()> {
        let layout = self.layout;
        reader.push(layout, bytes, &mut |record| self.record(record, open))
    }

    fn end(&mut self, reader: &mut Reader, open: &mut Open) -> Result<()> {
        let layout = self.layout;
        reader.finish(layout, &mut |record| self.record(record, open))
    }

    fn record(&mut self, record: &Record<'_>, open: &mut Open) -> Result<()> {
        let Some(columns) = open.heading.take(self.layout, record, &open.path)? else { return Ok(()) };
        open.rows_in += 1;
        match self.checker.check(record, self.layout, columns) {
            Ok(()) => {
                open.admitted += 1;
                let scratch = &self.checker.scratch;
                let full = self.batch.push(&self.checker.cells, |cell| text_of(cell, record.text, scratch))?;
                if full { self.hand_on() } else { Ok(()) }
            }
            Err(reject) => {
                open.rejected += 1;
                let entry = Entry {
                    source: self.source,
                    delivery: &open.path,
                    line: record.line,
                    column: reject.column,
                    rule: reject.misfit.rule,
                    reason: &reject.misfit.reason,
                    record: &record.kept(),
                };
                entry.write(&mut self.rejected)
            }
        }
    }

    pub(super) fn hand_on(&mut self) -> Result<()> {
        match self.batch.take()? {
            Some(rows) => (self.sink)(rows),
            None => Ok(()),
        }
    }
}

impl Open {
    fn new(path: String) -> Self {
        Self { heading: Heading::new(), path, rows_in: 0, admitted: 0, rejected: 0 }
    }

    fn add_to(&self, book: &mut DeliveryBook) {
        book.rows_in += self.rows_in;
        book.admitted += self.admitted;
        book.rejected += self.rejected;
    }
}

/// The files of an archive.
async fn directory(store: &Store, delivery: &Delivery) -> Result<Vec<Member>> {
    let (path, size) = (&delivery.path, delivery.size);
    let read = async |range: std::ops::Range<u64>| {
        if range.is_empty() {
            return Ok(Bytes::new());
        }
        store.read_range(path, range).await.context(|| format!("read extract {path}"))
    };
    if size == 0 {
        return Ok(Vec::new());
    }
    let end = read(size.saturating_sub(archive::LONGEST_END)..size).await?;
    let mut place = archive::locate(&end, size, path)?;
    if let Place::Zip64(range) = &place {
        place = archive::locate_zip64(&read(range.clone()).await?, size, path)?;
    }
    match place {
        Place::Directory(range, files) => archive::members(&read(range).await?, files, path),
        Place::Zip64(_) => Err(archive::damaged(path, "its zip64 directory is damaged")),
    }
}

/// Whether a delivery that was read by ranges still is what it was.
async fn unchanged(store: &Store, delivery: &Delivery) -> Result<()> {
    let path = &delivery.path;
    let mut hash = Sha256::new();
    let mut stream = store.stream(path).await.context(|| format!("read extract {path}"))?;
    while let Some(piece) = stream.next().await {
        hash.update(&piece.context(|| format!("read extract {path}"))?);
    }
    same(hash, delivery)
}

fn same(hash: Sha256, delivery: &Delivery) -> Result<()> {
    if hex::encode(hash.finalize()) == delivery.digest {
        return Ok(());
    }
    let said = format!("read extract {}: it was changed while it was read", delivery.path);
    Err(Error::data("intake.changed", said).with_hint("run again when the partner's delivery is complete"))
}

fn empty(path: &str, said: &str) -> Error {
    Error::data("intake.empty_extract", format!("read extract {path}: {said}"))
        .with_hint("ask the partner whether the export ran; remove the file if there is nothing to deliver")
}
