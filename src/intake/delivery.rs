//! What a partner delivered, known by its content.

use std::collections::BTreeMap;

use futures::StreamExt;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::freshness::{Freshness, freshness_of, gaps};
use super::name::NamePattern;
use super::natural::natural;
use super::pick::{Group, Named, Standing, groups, in_window};
use crate::error::{Context, Error, Result};
use crate::storage::{Entry, Store};
use crate::workspace::{Contract, Pick, Source};

/// An extract in storage.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Delivery {
    /// Its path.
    pub path: String,
    /// Its size in bytes, as delivered.
    pub size: u64,
    /// SHA-256 of the bytes as delivered, in hexadecimal digits.
    pub digest: String,
    /// Paths of other deliveries that equal it to the byte; they are not read.
    pub duplicates: Vec<String>,
    /// The day that its name says.
    pub date: Option<Date>,
    /// What its name says that it covers.
    pub period: Option<String>,
    /// The day under which SQL sees its rows, where the source is one of dated snapshots.
    pub snapshot: Option<Date>,
}

/// A delivery that another one corrected. It is not read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replaced {
    /// Its path.
    pub path: String,
    /// The path of the one that stands in its place.
    pub by: String,
}

/// What there is of a source.
#[derive(Clone, Debug)]
pub struct Found {
    /// The deliveries to read, in order: by period, else by day, else by file name (numbers in names by their value).
    pub deliveries: Vec<Delivery>,
    /// Among those picked, the ones that were corrected.
    pub replaced: Vec<Replaced>,
    /// How old the last delivery is.
    pub freshness: Freshness,
}

/// The deliveries of a source that are to be read. A delivery that equals another one to the byte is read once, except
/// where each is a snapshot of its own day. `today` decides which deliveries a window takes and how old the last is.
///
/// # Errors
/// `intake.no_extract` where there is none, naming what is near; `intake.window` where none is picked; `intake.name`
/// where a name says a day that no calendar has; or the storage's.
pub async fn discover(
    store: &Store,
    source: &Source,
    source_name: &str,
    contract: &Contract,
    today: Date,
) -> Result<Found> {
    let pattern = pattern(source, source_name)?;
    let listed = store.list(pattern.folder()).await?;
    let files = named(&pattern, &listed, source_name)?;
    if files.is_empty() {
        return Err(none_found(source, source_name, &pattern, &listed));
    }
    let mut freshness = freshness_of(source_name, contract, &files, today);
    let groups = groups(files, pattern.has());
    let mut reader = Contents { store, read: BTreeMap::new() };
    let snapshots = contract.delivery.snapshots;
    let mut standing = match source.pick {
        Pick::Newest => newest(&mut reader, &groups, snapshots).await?,
        pick => {
            let all = some(&mut reader, &groups, pick, today).await?;
            if snapshots { last(all, pick) } else { once(&mut reader, all, pick).await? }
        }
    };
    if standing.is_empty() {
        return Err(none_picked(source, source_name, &freshness));
    }
    freshness.gaps = gaps(contract, standing.iter().filter_map(Standing::day));
    let mut found = Found { deliveries: Vec::new(), replaced: Vec::new(), freshness };
    for one in &mut standing {
        found.replaced.append(&mut one.replaced);
        for mut file in one.files.drain(..) {
            let (digest, size) = reader.of(&file.path).await?;
            (file.digest, file.size) = (digest, size);
            file.snapshot = file.date.filter(|_| snapshots);
            found.deliveries.push(file);
        }
    }
    Ok(found)
}

/// How old the last delivery of a source is; nothing is read, and a source without any delivery is said to be missing.
///
/// # Errors
/// `intake.name` where a name says a day that no calendar has; or the storage's.
pub async fn freshness(
    store: &Store,
    source: &Source,
    source_name: &str,
    contract: &Contract,
    today: Date,
) -> Result<Freshness> {
    let pattern = pattern(source, source_name)?;
    let listed = store.list(pattern.folder()).await?;
    Ok(freshness_of(source_name, contract, &named(&pattern, &listed, source_name)?, today))
}

/// A delivery at a path.
///
/// # Errors
/// The storage's.
pub async fn delivery(store: &Store, path: &str) -> Result<Delivery> {
    let mut contents = Contents { store, read: BTreeMap::new() };
    let (digest, size) = contents.of(path).await?;
    Ok(Delivery { path: path.to_owned(), size, digest, ..Delivery::default() })
}

fn pattern(source: &Source, source_name: &str) -> Result<NamePattern> {
    NamePattern::parse(&source.from).map_err(|mistake| {
        Error::config(
            "intake.pattern",
            format!("find an extract for source `{source_name}`: {}: {mistake}", source.from),
        )
    })
}

/// The files whose names match.
fn named(pattern: &NamePattern, listed: &[Entry], source_name: &str) -> Result<Vec<Named>> {
    let mut files = Vec::new();
    for entry in listed {
        match pattern.read(&entry.path) {
            None => {}
            Some(Ok(name)) => files.push(Named { entry: entry.clone(), name }),
            Some(Err(unreadable)) => {
                let said = format!(
                    "find an extract for source `{source_name}`: the name of {} says {}",
                    entry.path, unreadable.0
                );
                return Err(Error::data("intake.name", said).with_hint(
                    "rename the file, move it away, or correct `from` of the source so that it does not match",
                ));
            }
        }
    }
    files.sort_by(|a, b| natural(&a.entry.path, &b.entry.path));
    Ok(files)
}

/// What stands of each group, as far as it is picked by its day.
async fn some(reader: &mut Contents<'_>, groups: &[Group], pick: Pick, today: Date) -> Result<Vec<Standing>> {
    let mut standing = Vec::new();
    for group in groups {
        let one = stands(reader, group).await?;
        if in_window(pick, one.day(), today) {
            standing.push(one);
        }
    }
    Ok(standing)
}

/// The last delivery; what comes before it is read only where its size says that it may be the same.
async fn newest(reader: &mut Contents<'_>, groups: &[Group], snapshots: bool) -> Result<Vec<Standing>> {
    let Some((last, earlier)) = groups.split_last() else { return Ok(Vec::new()) };
    let mut newest = stands(reader, last).await?;
    if snapshots {
        return Ok(vec![newest]);
    }
    for file in &mut newest.files {
        let (digest, size) = reader.of(&file.path).await?;
        for other in earlier.iter().flat_map(|group| group.parts.iter().flatten()) {
            if other.entry.size == size && reader.of(&other.entry.path).await?.0 == digest {
                file.duplicates.push(other.entry.path.clone());
            }
        }
    }
    Ok(vec![newest])
}

/// What stands of one group. Only a part of which there are several files is read.
async fn stands(reader: &mut Contents<'_>, group: &Group) -> Result<Standing> {
    let mut digests = BTreeMap::new();
    for file in group.parts.iter().filter(|files| files.len() > 1).flatten() {
        digests.insert(file.entry.path.clone(), reader.of(&file.entry.path).await?.0);
    }
    let mut standing = Standing::default();
    for (file, replaced, duplicates) in group.standing(&digests) {
        standing.replaced.extend(replaced);
        standing.files.push(Delivery {
            path: file.entry.path.clone(),
            size: file.entry.size,
            duplicates,
            date: file.name.date,
            period: file.name.period.clone(),
            ..Delivery::default()
        });
    }
    Ok(standing)
}

/// Deliveries without those that equal an earlier one to the byte. Only files of the same size are read.
async fn once(reader: &mut Contents<'_>, standing: Vec<Standing>, pick: Pick) -> Result<Vec<Standing>> {
    let mut sizes: BTreeMap<u64, usize> = BTreeMap::new();
    for file in standing.iter().flat_map(|one| &one.files) {
        *sizes.entry(file.size).or_default() += 1;
    }
    // Where each content came up first: the place of its delivery and of its file in that.
    let mut first: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    let mut left: Vec<Standing> = Vec::new();
    for mut one in standing {
        let mut files = Vec::new();
        for file in std::mem::take(&mut one.files) {
            if sizes.get(&file.size) != Some(&1) {
                let (digest, _) = reader.of(&file.path).await?;
                if let Some(&(at, place)) = first.get(&digest) {
                    let known = if at == left.len() { files.get_mut(place) } else { left[at].files.get_mut(place) };
                    let again = std::iter::once(file.path).chain(file.duplicates);
                    known.into_iter().for_each(|known: &mut Delivery| known.duplicates.extend(again.clone()));
                    continue;
                }
                first.insert(digest, (left.len(), files.len()));
            }
            files.push(file);
        }
        one.files = files;
        left.push(one);
    }
    left.retain(|one| !one.files.is_empty());
    Ok(last(left, pick))
}

/// The last so many, where that is what is picked.
fn last(mut standing: Vec<Standing>, pick: Pick) -> Vec<Standing> {
    if let Pick::Last(count) = pick {
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        standing.drain(..standing.len().saturating_sub(count));
    }
    standing
}

/// The contents of files, each read once.
struct Contents<'s> {
    store: &'s Store,
    /// Digest and size, by path.
    read: BTreeMap<String, (String, u64)>,
}

impl Contents<'_> {
    async fn of(&mut self, path: &str) -> Result<(String, u64)> {
        if let Some(known) = self.read.get(path) {
            return Ok(known.clone());
        }
        let mut hash = Sha256::new();
        let mut size = 0;
        let mut stream = self.store.stream(path).await.context(|| format!("read extract {path}"))?;
        while let Some(piece) = stream.next().await {
            let piece = piece.context(|| format!("read extract {path}"))?;
            size += piece.len() as u64;
            hash.update(&piece);
        }
        let content = (hex::encode(hash.finalize()), size);
        self.read.insert(path.to_owned(), content.clone());
        Ok(content)
    }
}

fn none_found(source: &Source, source_name: &str, pattern: &NamePattern, listed: &[Entry]) -> Error {
    let folder = pattern.folder();
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

fn none_picked(source: &Source, source_name: &str, freshness: &Freshness) -> Error {
    let said =
        format!("find an extract for source `{source_name}`: `pick` takes none of those that match {}", source.from);
    let last = freshness.day.map_or_else(String::new, |day| format!("the last one is of {day}; "));
    Error::data("intake.window", said)
        .with_hint(format!("{last}widen `pick` of the source, or ask {} for a delivery", freshness.partner))
}
