//! A delivery as its storage has it: by its first bytes, by its directory, and whether it is still what it was.

use std::collections::BTreeSet;

use bytes::Bytes;
use futures::StreamExt;
use sha2::{Digest, Sha256};

use super::super::archive::{self, Member, Place};
use super::super::delivery::Delivery;
use super::super::layout::Layout;
use crate::error::{Context, Error, Result};
use crate::storage::Store;
use crate::workspace::{Compression, Format};

/// The layouts that a delivery may have by its first bytes: those that are streamed, those of a zip archive, or those
/// of Parquet. The first ones where it is none of them, so that they say what is wrong.
pub(super) async fn by_magic<'a>(
    store: &Store,
    layouts: &'a [Layout<'a>],
    delivery: &Delivery,
) -> Result<Vec<&'a Layout<'a>>> {
    let way_of = |layout: &Layout<'_>| match (layout.format, layout.compression) {
        (Format::Parquet {}, Compression::None) => 2,
        (_, Compression::Zip) => 1,
        _ => 0,
    };
    let ways: BTreeSet<u8> = layouts.iter().map(way_of).collect();
    let mut wanted = layouts.first().map_or(0, way_of);
    if ways.len() > 1 && delivery.size > 4 {
        let path = &delivery.path;
        let start = store.read_range(path, 0..4).await.context(|| format!("read extract {path}"))?;
        let workbook = layouts.iter().any(|layout| matches!(layout.format, Format::Excel { .. }));
        let found = match &start[..] {
            b"PAR1" => 2,
            b"PK\x03\x04" if workbook && is_workbook(store, delivery).await? => 0,
            b"PK\x03\x04" => 1,
            _ => 0,
        };
        wanted = ways.get(&found).copied().unwrap_or(wanted);
    }
    Ok(layouts.iter().filter(|layout| way_of(layout) == wanted).collect())
}

/// Whether an archive is a workbook.
async fn is_workbook(store: &Store, delivery: &Delivery) -> Result<bool> {
    let members = directory(store, delivery).await;
    Ok(members.is_ok_and(|members| members.iter().any(|member| member.name == "[Content_Types].xml")))
}

/// The files of an archive.
pub(in crate::intake) async fn directory(store: &Store, delivery: &Delivery) -> Result<Vec<Member>> {
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
pub(super) async fn unchanged(store: &Store, delivery: &Delivery) -> Result<()> {
    let path = &delivery.path;
    let mut hash = Sha256::new();
    let mut stream = store.stream(path).await.context(|| format!("read extract {path}"))?;
    while let Some(piece) = stream.next().await {
        hash.update(&piece.context(|| format!("read extract {path}"))?);
    }
    same(hash, delivery)
}

pub(super) fn same(hash: Sha256, delivery: &Delivery) -> Result<()> {
    if hex::encode(hash.finalize()) == delivery.digest {
        return Ok(());
    }
    let said = format!("read extract {}: it was changed while it was read", delivery.path);
    Err(Error::data("intake.changed", said).with_hint("run again when the partner's delivery is complete"))
}
