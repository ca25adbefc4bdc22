//! Landing: extracts of partners that are fetched from elsewhere are laid down in the storage of extracts first, whole
//! and known by their digests, and read from there.
//!
//! ```text
//! landed/PARTNER/content/DIGEST/NAME           the bytes, under the SHA-256 of them; never changed
//! landed/PARTNER/index/PATH/NUMBER~STAMP~DIGEST   what the partner's PATH held, in the order in which it was seen
//! landed/PARTNER/incoming/                     what is on its way; emptied before the next fetch
//! ```
//!
//! Guarantees, each also after `kill -9`: content is there whole or not at all; an index entry is there only when its
//! content is; nothing that has landed is replaced or removed, whatever happens at the partner; the same bytes are kept
//! once; a file whose stamp (size, time, entity tag) is that of its last entry is not fetched again; a file that
//! changes while it is read does not land.

mod fetch;
mod find;
mod index;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

use super::delivery::Delivery;
use super::name::NamePattern;
use crate::error::{Error, Result};
use crate::storage::{PartnerEntry, PartnerStore, Store};
use find::is_unfinished;
use index::Index;

/// The lock of those who fetch into a storage of extracts.
const LOCK: &str = "landing";

/// Opens the storage of a partner; none where the partner's extracts are not fetched from elsewhere.
pub type OpenPartner = Box<dyn Fn(&str) -> Result<Option<PartnerStore>> + Send + Sync>;

/// All extracts: those that partners put into the storage of extracts, and those that are fetched into it.
pub struct Extracts {
    store: Store,
    open: OpenPartner,
    clock: fn() -> Timestamp,
    partners: Mutex<BTreeMap<String, PartnerStore>>,
    landed: Mutex<BTreeMap<String, Landed>>,
}

/// What has landed of a partner, as it was after the last fetch.
#[derive(Clone)]
struct Landed {
    view: Store,
    digests: BTreeMap<String, String>,
}

/// What became of a file at a fetch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fetched {
    /// It has landed.
    New {
        /// The partner's path.
        path: String,
        /// Its bytes.
        size: u64,
        /// SHA-256 of them, in hexadecimal digits.
        digest: String,
    },
    /// It was read, and its bytes had landed before.
    Same {
        /// The partner's path.
        path: String,
        /// SHA-256 of its bytes, in hexadecimal digits.
        digest: String,
    },
    /// Its stamp is that of what has landed; it was not read.
    Known {
        /// The partner's path.
        path: String,
    },
    /// It is still being written, and has not landed.
    Unfinished {
        /// The partner's path.
        path: String,
        /// By what that was seen.
        why: &'static str,
    },
}

/// A file of a partner, there or landed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The partner's path.
    pub path: String,
    /// Its size in bytes.
    pub size: u64,
    /// When it was last written, where that is known.
    pub modified: Option<Timestamp>,
    /// How it stands.
    pub standing: Standing,
}

/// How a file at a partner stands to what has landed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Read where it is: the partner puts it into the storage of extracts itself.
    InPlace,
    /// Not landed yet, or changed since.
    New,
    /// Landed, with this digest.
    Landed(String),
    /// Landed with this digest, and no longer at the partner.
    Gone(String),
    /// Still being written.
    Unfinished,
}

/// How far a file is: its path, bytes read, bytes in all.
pub type FetchProgress<'a> = &'a (dyn Fn(&str, u64, u64) + Sync);

impl Extracts {
    /// Extracts in `store`, and those of partners that `open` opens a storage for. `clock` gives the time.
    #[must_use]
    pub fn new(store: Store, open: OpenPartner, clock: fn() -> Timestamp) -> Self {
        Self { store, open, clock, partners: Mutex::default(), landed: Mutex::default() }
    }

    /// The storage in which a partner's extracts are read, by the partner's own paths: what has landed by the last
    /// [`Self::fetch`], or the storage of extracts itself for a partner whose extracts are not fetched.
    ///
    /// # Errors
    /// A secret is missing or the configuration is wrong.
    pub fn of(&self, partner: &str) -> Result<Store> {
        if let Some(landed) = locked(&self.landed).get(partner) {
            return Ok(landed.view.clone());
        }
        match self.partner(partner)? {
            None => Ok(self.store.clone()),
            Some(_) => Ok(self.store.view([])),
        }
    }

    /// As [`Self::of`], with what had landed before where nothing was fetched yet.
    ///
    /// # Errors
    /// As [`Self::of`]; the storage's.
    pub async fn landed(&self, partner: &str) -> Result<Store> {
        if self.partner(partner)?.is_some() && !locked(&self.landed).contains_key(partner) {
            let index = Index::read(&self.store, partner).await?;
            self.show(partner, &index)?;
        }
        self.of(partner)
    }

    /// Fetches what matches `from` and has not landed yet. Nothing is done for a partner whose extracts are not fetched.
    ///
    /// # Errors
    /// The partner's storage can't be read, the storage of extracts can't be written, somebody else is fetching.
    pub async fn fetch(
        &self,
        partner: &str,
        from: &str,
        holder: &str,
        wait: Option<Duration>,
        progress: FetchProgress<'_>,
    ) -> Result<Vec<Fetched>> {
        let Some(remote) = self.partner(partner)? else { return Ok(Vec::new()) };
        let found = find::find(&remote, from).await?;
        let lock = self.store.lock(LOCK, holder, wait).await?;
        let fetched = self.fetch_locked(partner, &remote, &found, progress).await;
        lock.release().await;
        fetched
    }

    async fn fetch_locked(
        &self,
        partner: &str,
        remote: &PartnerStore,
        found: &[PartnerEntry],
        progress: FetchProgress<'_>,
    ) -> Result<Vec<Fetched>> {
        let mut index = Index::read(&self.store, partner).await?;
        let landing = fetch::Landing { store: &self.store, remote, partner, clock: self.clock };
        landing.clear().await?;
        let mut fetched = Vec::new();
        let mut failed = None;
        for entry in found {
            match landing.land(&mut index, entry, progress).await {
                Ok(one) => fetched.push(one),
                Err(error) => {
                    failed = Some(error);
                    break;
                }
            }
        }
        self.show(partner, &index)?;
        failed.map_or(Ok(fetched), Err)
    }

    /// Shows from now on what the index says has landed.
    fn show(&self, partner: &str, index: &Index) -> Result<()> {
        let landed = Landed { view: self.store.view(index.newest()?), digests: index.digests() };
        locked(&self.landed).insert(partner.to_owned(), landed);
        Ok(())
    }

    /// Makes sure that what was read is what had landed.
    ///
    /// # Errors
    /// `landing.changed` where a landed file was changed behind Accord's back.
    pub fn verify(&self, partner: &str, deliveries: &[Delivery]) -> Result<()> {
        let landed = locked(&self.landed);
        let Some(landed) = landed.get(partner) else { return Ok(()) };
        let changed = deliveries.iter().find(|one| landed.digests.get(&one.path) != Some(&one.digest));
        changed.map_or(Ok(()), |one| {
            let said = format!("read extract {} of partner `{partner}`: it is not what was fetched", one.path);
            Err(Error::failed("landing.changed", said).with_hint(format!(
                "somebody changed it under landed/{partner}/content in the storage of extracts: find out who, remove its \
                 entry below landed/{partner}/index, and fetch it again"
            )))
        })
    }

    /// What a source with this `from` would read, and how it stands. Nothing is fetched.
    ///
    /// # Errors
    /// The storages'.
    pub async fn survey(&self, partner: &str, from: &str) -> Result<Vec<Place>> {
        let Some(remote) = self.partner(partner)? else {
            return find::in_place(&self.store, from).await;
        };
        let index = Index::read(&self.store, partner).await?;
        let mut places = Vec::new();
        for entry in find::find(&remote, from).await? {
            let known = index.last(&entry.path).filter(|last| last.stamp.is_of(&entry));
            let standing = match known {
                Some(last) => Standing::Landed(last.digest.clone()),
                None if is_unfinished(&entry.path) => Standing::Unfinished,
                None => Standing::New,
            };
            places.push(Place { path: entry.path, size: entry.size, modified: entry.modified, standing });
        }
        for (path, last) in index.matching(&NamePattern::of(from)?) {
            if !places.iter().any(|place| place.path == path) {
                let (size, modified) = (last.stamp.size, last.stamp.time());
                places.push(Place {
                    path: path.to_owned(),
                    size,
                    modified,
                    standing: Standing::Gone(last.digest.clone()),
                });
            }
        }
        Ok(places)
    }

    /// The `type` of a partner's storage; none where its extracts are not fetched.
    ///
    /// # Errors
    /// A secret is missing or the configuration is wrong.
    pub fn kind(&self, partner: &str) -> Result<Option<&'static str>> {
        Ok(self.partner(partner)?.map(|store| store.kind()))
    }

    fn partner(&self, partner: &str) -> Result<Option<PartnerStore>> {
        if let Some(open) = locked(&self.partners).get(partner) {
            return Ok(Some(open.clone()));
        }
        let Some(opened) = (self.open)(partner)? else { return Ok(None) };
        locked(&self.partners).insert(partner.to_owned(), opened.clone());
        Ok(Some(opened))
    }
}

impl Fetched {
    /// In words, where there is something to say.
    #[must_use]
    pub fn words(&self, partner: &str) -> Option<String> {
        match self {
            Self::New { path, size, digest } => {
                let size = crate::report::number(*size);
                Some(format!("fetched {path} of {partner}: {size} bytes, digest {}", &digest[..12]))
            }
            Self::Same { path, digest } => {
                Some(format!("{path} of {partner} holds what was fetched before, digest {}", &digest[..12]))
            }
            Self::Unfinished { path, why } => {
                Some(format!("{path} of {partner} is still being written and was not fetched: {why}"))
            }
            Self::Known { .. } => None,
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
