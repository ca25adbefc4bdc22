//! What a partner delivered, known by its content.

use futures::StreamExt;
use sha2::{Digest, Sha256};

use super::glob;
use crate::error::{Context, Error, Result};
use crate::storage::{Entry, Store};
use crate::workspace::{Pick, Source};

/// An extract in storage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// Its path.
    pub path: String,
    /// Its size in bytes, as delivered.
    pub size: u64,
    /// SHA-256 of the bytes as delivered, in hexadecimal digits.
    pub digest: String,
    /// Paths of other deliveries that equal it to the byte; they are not read.
    pub duplicates: Vec<String>,
}

/// The deliveries of a source that are to be read, in the order of their file names (numbers in names by their value).
/// A delivery that equals another one to the byte is read once.
///
/// # Errors
/// `intake.no_extract` where there is none, naming what is near; or the storage's.
pub async fn discover(store: &Store, source: &Source, source_name: &str) -> Result<Vec<Delivery>> {
    let listed = store.list(glob::folder(&source.from)).await?;
    let mut found: Vec<&Entry> = listed.iter().filter(|entry| glob::matches(&source.from, &entry.path)).collect();
    found.sort_by(|a, b| glob::natural(&a.path, &b.path));
    match source.pick {
        Pick::All if !found.is_empty() => all(store, &found).await,
        Pick::Newest if !found.is_empty() => newest(store, &found).await,
        _ => Err(none_found(source, source_name, &listed)),
    }
}

/// A delivery at a path.
///
/// # Errors
/// The storage's.
pub async fn delivery(store: &Store, path: &str, size: u64) -> Result<Delivery> {
    read(store, &Entry { path: path.to_owned(), size, modified: None }).await
}

async fn all(store: &Store, found: &[&Entry]) -> Result<Vec<Delivery>> {
    let mut deliveries: Vec<Delivery> = Vec::new();
    for entry in found {
        let delivery = read(store, entry).await?;
        match deliveries.iter_mut().find(|known| known.digest == delivery.digest) {
            Some(known) => known.duplicates.push(delivery.path),
            None => deliveries.push(delivery),
        }
    }
    Ok(deliveries)
}

/// The last one; those before it are read only where their size says that they may be the same.
async fn newest(store: &Store, found: &[&Entry]) -> Result<Vec<Delivery>> {
    let Some((last, earlier)) = found.split_last() else { return Ok(Vec::new()) };
    let mut newest = read(store, last).await?;
    for entry in earlier.iter().filter(|entry| entry.size == newest.size) {
        let other = read(store, entry).await?;
        if other.digest == newest.digest {
            newest.duplicates.push(other.path);
        }
    }
    Ok(vec![newest])
}

async fn read(store: &Store, entry: &Entry) -> Result<Delivery> {
    let mut hash = Sha256::new();
    let mut size = 0;
    let mut stream = store.stream(&entry.path).await.context(|| format!("read extract {}", entry.path))?;
    while let Some(piece) = stream.next().await {
        let piece = piece.context(|| format!("read extract {}", entry.path))?;
        size += piece.len() as u64;
        hash.update(&piece);
    }
    Ok(Delivery { path: entry.path.clone(), size, digest: hex::encode(hash.finalize()), duplicates: Vec::new() })
}

fn none_found(source: &Source, source_name: &str, listed: &[Entry]) -> Error {
    let folder = glob::folder(&source.from);
    let folder = if folder.is_empty() { "the storage" } else { folder };
    let mut near: Vec<&str> = listed.iter().map(|entry| entry.path.as_str()).collect();
    near.sort_by(|a, b| {
        strsim::jaro_winkler(&source.from, b).total_cmp(&strsim::jaro_winkler(&source.from, a)).then_with(|| a.cmp(b))
    });
    near.truncate(3);
    let hint = if near.is_empty() {
        format!("nothing is in {folder}; ask the partner whether the extract was delivered, and where")
    } else {
        format!("in {folder} there is {}; correct `from` of the source, or ask the partner", near.join(", "))
    };
    let said = format!("find an extract for source `{source_name}`: none matches {}", source.from);
    Error::data("intake.no_extract", said).with_hint(hint)
}
