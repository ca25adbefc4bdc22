//! The parts of a sample (a file, or the files of an archive), and what their bytes look like.

use std::ops::Range;

use futures::{Stream, StreamExt};
use serde_json::json;

use super::super::archive::{self, Member};
use super::super::delivery::Delivery;
use super::super::extract::stored::directory;
use super::super::layout::Layout;
use super::super::reader::{ParquetReader, Reader, Record, Unpack};
use super::super::recognise::Head;
use super::super::scan::Progress;
use super::super::sniff::{Sniffed, sniff};
use super::none;
use crate::error::{Context, Error, Result};
use crate::storage::Store;
use crate::workspace::{Compression, Contract, Encoding, Format};

/// Bytes of the start by which the layout of a part is found.
const START: u64 = 4 << 20;

/// The sample.
pub(super) struct Sample<'s> {
    pub(super) store: &'s Store,
    pub(super) path: &'s str,
    pub(super) size: u64,
    pub(super) progress: &'s (dyn Fn(Progress) + Sync),
}

/// A part of it.
pub(super) struct Part {
    /// Its name in its archive.
    pub(super) member: Option<Member>,
    pub(super) compression: Compression,
    pub(super) format: Format,
    pub(super) encoding: Encoding,
    /// The names of its columns; none where they have none.
    pub(super) names: Vec<String>,
    /// How many columns it has.
    pub(super) width: usize,
    /// Where the columns of a fixed-width line stand: first character, counted from 1, and length.
    pub(super) places: Vec<(usize, usize)>,
    /// Sheets of its workbook.
    pub(super) sheets: Vec<String>,
    /// Its rows, and those of them that can't be taken apart as its layout says.
    pub(super) rows: u64,
    pub(super) broken: u64,
    /// Its first row may name its columns, and is not surely no row of a person.
    pub(super) unsure: bool,
    /// It has ASCII characters only, so that most encodings would do.
    pub(super) ascii: bool,
}

impl Part {
    fn of(found: &Sniffed, member: Option<Member>) -> Self {
        let compression = if member.is_some() { Compression::Zip } else { found.compression };
        Self {
            member,
            compression,
            format: found.format.clone(),
            encoding: found.encoding,
            names: found.names().to_vec(),
            width: found.width,
            places: Vec::new(),
            sheets: Vec::new(),
            rows: 0,
            broken: 0,
            unsure: false,
            ascii: true,
        }
    }

    /// A contract that reads it, all columns being text. `names` are those of its columns.
    pub(super) fn contract(&self, names: &[String], drop: bool) -> Result<Contract> {
        let field = |at: usize| {
            let mut field = json!({ "name": format!("c{at}"), "type": "string" });
            if let Some(name) = names.get(at) {
                field["column"] = json!(name);
                if let Some(nth) = occurrence(names, at) {
                    field["occurrence"] = json!(nth);
                }
            }
            if let Some((start, length)) = self.places.get(at) {
                field["position"] = json!({ "start": start, "length": length });
            }
            field
        };
        let width = if names.is_empty() { self.width } else { names.len() };
        let mut contract = json!({
            "id": "sample", "version": "0", "partner": "", "title": "", "format": self.format,
            "compression": self.compression, "extra_columns": if drop { "drop" } else { "refuse" },
            "fields": (0..width).map(field).collect::<Vec<_>>(),
        });
        if self.format.is_text() {
            contract["encoding"] = json!(self.encoding);
        }
        serde_json::from_value(contract)
            .map_err(|error| Error::internal("intake.infer", "read a draft of a contract").with_source(error))
    }

    /// What messages call it.
    pub(super) fn called(&self, path: &str) -> String {
        self.member.as_ref().map_or_else(|| path.to_owned(), |member| format!("{path}/{}", member.name))
    }
}

/// Which of several columns of its name a column is, counted from 1; none of the only one.
pub(super) fn occurrence(names: &[String], at: usize) -> Option<usize> {
    let wanted = &names[at];
    let count = names.iter().filter(|name| *name == wanted).count();
    (count > 1).then(|| names[..=at].iter().filter(|name| *name == wanted).count())
}

impl Sample<'_> {
    /// Its parts by their first bytes.
    pub(super) async fn parts(&self) -> Result<Vec<Part>> {
        let Self { store, path, size, .. } = *self;
        if size == 0 {
            return Err(none(path, "it is empty"));
        }
        let start = store.read_range(path, 0..size.min(START)).await.context(|| format!("read {path}"))?;
        let archive = matches!(&start[..], [b'P', b'K', 3, 4, ..] | [b'P', b'K', 5, 6, ..]);
        if !archive {
            let found = sniff(&Head { bytes: &start, whole: size <= START, path }).ok_or_else(|| unknown(path))?;
            return Ok(vec![Part::of(&found, None)]);
        }
        let delivery = Delivery { path: path.to_owned(), size, ..Delivery::default() };
        let members = directory(store, &delivery).await?;
        if members.iter().any(|member| member.name == "[Content_Types].xml") {
            let found = sniff(&Head { bytes: &start, whole: false, path }).ok_or_else(|| unknown(path))?;
            return Ok(vec![Part::of(&found, None)]);
        }
        let mut parts = Vec::with_capacity(members.len());
        for member in members {
            member.readable(path)?;
            parts.push(self.member(member).await?);
        }
        if parts.is_empty() { Err(none(path, "it is empty")) } else { Ok(parts) }
    }

    async fn member(&self, member: Member) -> Result<Part> {
        let called = format!("{}/{}", self.path, member.name);
        let mut stream = self.content(&member).await?;
        let (mut bytes, mut unpack) = (Vec::new(), Unpack::member(member.sealed, &called));
        let mut sink = |piece: &[u8]| {
            if (bytes.len() as u64) < START {
                bytes.extend_from_slice(piece);
            }
            Ok(())
        };
        let mut read = 0;
        while let Some(piece) = stream.next().await
            && read < START
        {
            let piece = piece.context(|| format!("read {called}"))?;
            read += piece.len() as u64;
            unpack.push(&piece, &mut sink)?;
        }
        let whole = member.sealed.unpacked <= bytes.len() as u64;
        let found = sniff(&Head { bytes: &bytes, whole, path: &called }).ok_or_else(|| unknown(&called))?;
        if found.compression != Compression::None {
            return Err(none(&called, "it is compressed within its archive, which is not read"));
        }
        Ok(Part::of(&found, Some(member)))
    }

    /// The bytes of a file in an archive.
    async fn content(&self, member: &Member) -> Result<impl Stream<Item = Result<bytes::Bytes>> + Unpin + use<'_>> {
        let Self { store, path, size, .. } = *self;
        let header = member.offset..(member.offset + archive::HEADER).min(size);
        let header = store.read_range(path, header).await.context(|| format!("read {path}"))?;
        let content: Range<u64> = member.content(&header, path)?;
        if content.end > size {
            return Err(archive::damaged(path, "one of its files ends behind it"));
        }
        if content.is_empty() {
            return Err(none(&format!("{path}/{}", member.name), "it is empty"));
        }
        store.stream_range(path, content).await.context(|| format!("read {path}"))
    }

    /// Reads the records of a part as a layout says. Beside what comes of it, the names of the columns, or sheets, that a
    /// format has beside its rows.
    pub(super) async fn records(
        &self,
        part: &Part,
        layout: &Layout<'_>,
        each: &mut (dyn FnMut(&Record<'_>) -> Result<()> + Send),
    ) -> (Result<()>, Option<Vec<String>>) {
        if matches!((&part.format, part.compression), (Format::Parquet {}, Compression::None)) {
            return (self.parquet(layout, each).await, None);
        }
        let called = part.called(self.path);
        let reader = match &part.member {
            Some(member) => Reader::over(Unpack::member(member.sealed, &called), layout, &called),
            None => Reader::new(layout, &called),
        };
        match reader {
            Ok(mut reader) => {
                let read = self.stream(part, layout, &mut reader, each).await;
                (read, reader.names().map(<[String]>::to_vec))
            }
            Err(error) => (Err(error), None),
        }
    }

    async fn stream(
        &self,
        part: &Part,
        layout: &Layout<'_>,
        reader: &mut Reader,
        each: &mut (dyn FnMut(&Record<'_>) -> Result<()> + Send),
    ) -> Result<()> {
        let path = self.path;
        match &part.member {
            Some(member) => {
                let mut stream = self.content(member).await?;
                while let Some(piece) = stream.next().await {
                    let piece = piece.context(|| format!("read {path}"))?;
                    reader.push(layout, &piece, &mut |record| each(record))?;
                }
            }
            None => {
                let mut stream = self.store.stream(path).await.context(|| format!("read {path}"))?;
                let mut at = 0;
                while let Some(piece) = stream.next().await {
                    let piece = piece.context(|| format!("read {path}"))?;
                    reader.push(layout, &piece, &mut |record| each(record))?;
                    at += piece.len() as u64;
                    (self.progress)(Progress { bytes: at, total_bytes: self.size });
                }
            }
        }
        reader.finish(layout, &mut |record| each(record))
    }

    async fn parquet(
        &self,
        layout: &Layout<'_>,
        each: &mut (dyn FnMut(&Record<'_>) -> Result<()> + Send),
    ) -> Result<()> {
        let mut reader = ParquetReader::open(self.store, layout, self.path, self.size).await?;
        while reader.next(&mut |record| each(record)).await? {}
        Ok(())
    }
}

fn unknown(path: &str) -> Error {
    none(path, "nothing is known of such a file")
}
