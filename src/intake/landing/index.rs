//! What has landed of a partner. All of it stands in names, so that two listings tell it, however many files there are.

use std::collections::BTreeMap;

use jiff::Timestamp;
use sha2::{Digest, Sha256};

use super::super::name::NamePattern;
use crate::error::{Error, Result};
use crate::storage::{Entry, PartnerEntry, Seen, Store};

/// By what a file at a partner is known again without reading it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    /// Bytes.
    pub(super) size: u64,
    /// Milliseconds since 1970; none where the storage does not say, or where a later change could have the same.
    modified: Option<i64>,
    /// Digest of the entity tag.
    tag: Option<String>,
}

/// An entry of the index.
#[derive(Clone, Debug)]
pub(super) struct Landing {
    number: u64,
    pub(super) stamp: Stamp,
    pub(super) digest: String,
}

/// The index of one partner, and where contents are.
pub(super) struct Index {
    root: String,
    /// The last entry of each path.
    last: BTreeMap<String, Landing>,
    /// Digest to place and size.
    contents: BTreeMap<String, (String, u64)>,
}

impl Stamp {
    /// The stamp of a file that was read at `now`. A time so near that another change could bear it too counts as none.
    pub(super) fn new(entry: &PartnerEntry, now: Timestamp) -> Self {
        let stamp = Self::raw(entry);
        let settled = stamp.tag.is_some() || stamp.modified.is_some_and(|time| time < now.as_millisecond() - 2_000);
        Self { modified: stamp.modified.filter(|_| settled), ..stamp }
    }

    fn raw(entry: &PartnerEntry) -> Self {
        Self {
            size: entry.size,
            modified: entry.modified.map(Timestamp::as_millisecond),
            tag: entry.tag.as_ref().map(|tag| hex::encode(&Sha256::digest(tag.as_bytes())[..8])),
        }
    }

    /// Whether it tells that a file is the same as when it landed.
    pub(super) fn is_of(&self, entry: &PartnerEntry) -> bool {
        (self.modified.is_some() || self.tag.is_some()) && *self == Self::raw(entry)
    }

    pub(super) fn time(&self) -> Option<Timestamp> {
        self.modified.and_then(|time| Timestamp::from_millisecond(time).ok())
    }
}

impl Index {
    pub(super) async fn read(store: &Store, partner: &str) -> Result<Self> {
        let root = format!("landed/{partner}");
        let mut index = Self { root, last: BTreeMap::new(), contents: BTreeMap::new() };
        let within = format!("{}/content", index.root);
        for entry in store.list(&within).await? {
            let digest = entry.path[within.len() + 1..].split('/').next().unwrap_or_default().to_owned();
            index.contents.insert(digest, (entry.path, entry.size));
        }
        let within = format!("{}/index", index.root);
        for entry in store.list(&within).await? {
            let (path, landing) = parse(&entry.path[within.len() + 1..]).ok_or_else(|| damaged(&entry.path))?;
            let last = index.last.get(path).is_none_or(|known| known.number < landing.number);
            if last {
                index.last.insert(path.to_owned(), landing);
            }
        }
        Ok(index)
    }

    /// What a path held last.
    pub(super) fn last(&self, path: &str) -> Option<&Landing> {
        self.last.get(path)
    }

    pub(super) fn has_content(&self, digest: &str) -> bool {
        self.contents.contains_key(digest)
    }

    pub(super) fn content_landed(&mut self, digest: &str, place: String, size: u64) {
        self.contents.insert(digest.to_owned(), (place, size));
    }

    /// Writes an entry: the path holds this content now.
    pub(super) async fn add(&mut self, store: &Store, path: &str, stamp: Stamp, digest: &str) -> Result<()> {
        let number = self.last.get(path).map_or(1, |last| last.number + 1);
        let landing = Landing { number, stamp, digest: digest.to_owned() };
        let at = format!("{}/index/{path}/{}", self.root, write(&landing));
        // Only whoever holds the lock writes here: an entry that is there already is this one.
        store.put_new(&at, "").await?;
        self.last.insert(path.to_owned(), landing);
        Ok(())
    }

    /// The paths that match a pattern, with what they held last.
    pub(super) fn matching<'a>(&'a self, pattern: &'a NamePattern) -> impl Iterator<Item = (&'a str, &'a Landing)> {
        self.last.iter().filter(|(path, _)| pattern.matches(path)).map(|(path, last)| (path.as_str(), last))
    }

    /// Each path with what it held last, and where that is.
    pub(super) fn newest(&self) -> Result<Vec<Seen>> {
        let seen = |(path, last): (&String, &Landing)| {
            let content = self.contents.get(&last.digest).filter(|(_, size)| *size == last.stamp.size);
            let (place, size) = content.ok_or_else(|| damaged(path))?;
            let entry = Entry { path: path.clone(), size: *size, modified: last.stamp.time() };
            Ok(Seen { entry, place: place.clone() })
        };
        self.last.iter().map(seen).collect()
    }

    pub(super) fn digests(&self) -> BTreeMap<String, String> {
        self.last.iter().map(|(path, last)| (path.clone(), last.digest.clone())).collect()
    }
}

/// `NUMBER~SIZE~TIME~TAG~DIGEST`, with `-` for what is not known.
fn write(landing: &Landing) -> String {
    let Landing { number, stamp: Stamp { size, modified, tag }, digest } = landing;
    let modified = modified.map_or_else(|| "-".to_owned(), |time| time.to_string());
    format!("{number:08}~{size}~{modified}~{}~{digest}", tag.as_deref().unwrap_or("-"))
}

fn parse(entry: &str) -> Option<(&str, Landing)> {
    let (path, name) = entry.rsplit_once('/')?;
    let parts: Vec<&str> = name.split('~').collect();
    let &[number, size, modified, tag, digest] = parts.as_slice() else { return None };
    let modified = if modified == "-" { None } else { Some(modified.parse().ok()?) };
    let stamp = Stamp { size: size.parse().ok()?, modified, tag: (tag != "-").then(|| tag.to_owned()) };
    let sound = digest.len() == 64 && digest.bytes().all(|byte| byte.is_ascii_hexdigit());
    sound.then(|| Some((path, Landing { number: number.parse().ok()?, stamp, digest: digest.to_owned() })))?
}

fn damaged(path: &str) -> Error {
    Error::failed("landing.damaged", format!("what has landed is not whole: {path} is not what Accord wrote"))
        .with_hint("bring `landed` in the storage of extracts back from a copy, or remove that entry and fetch again")
}
