//! The ledger: one file per entry, `ledger/0000000001.json` and on, each holding the digest of the one before.
//!
//! Guarantees: an entry is there whole or not at all, also after `kill -9`; of two writers both get in, one after the
//! other; any entry that is changed, missing, renumbered or swapped is found and named ([`Ledger::verify`]).
//! Does not protect against: whoever can write the storage cutting off the last entries together with the head pointer,
//! or rewriting the whole chain from some entry on. That shows against an anchor that a steward wrote down, and no
//! approval can be forged that way, since approvals are signed.

use futures::{StreamExt, TryStreamExt};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::chain::{self, LedgerReport};
use super::digest::sha256_hex;
use super::event::{Entry, Event};
use crate::error::{Context as _, Error, Result};
use crate::storage::Store;

/// The folder of the state storage.
const FOLDER: &str = "ledger";
/// The head pointer: a hint that may lag behind.
const HEAD: &str = "ledger/HEAD";
/// The digest before the first entry.
pub(super) const GENESIS: &str = "0000000000000000000000000000000000000000000000000000000000000000";
/// How often an append may lose against other writers. Each loss is another writer's entry, so this is never reached
/// by chance.
const ATTEMPTS: usize = 1000;
/// Entries read at a time.
const PARALLEL: usize = 16;

/// The ledger of a state storage.
#[derive(Clone, Copy, Debug)]
pub struct Ledger<'a> {
    store: &'a Store,
}

/// What the head pointer says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Head {
    pub(super) seq: u64,
    pub(super) sha256: String,
}

impl<'a> Ledger<'a> {
    /// The ledger in `store`; there is nothing to create.
    #[must_use]
    pub fn open(store: &'a Store) -> Self {
        Self { store }
    }

    /// Adds an entry after the last one.
    ///
    /// # Errors
    /// The storage's; `ledger.cut` when its last entries are gone; `ledger.crowded` when other writers came first again and again.
    pub async fn append(&self, at: Timestamp, actor: &str, event: Event) -> Result<Entry> {
        // Read before the list: another writer's entry in between can only make the list longer.
        let reached = self.head().await?.map_or(0, |head| head.seq);
        let mut last = self.numbers().await?.last().copied().unwrap_or(0);
        if reached > last {
            return Err(Error::failed(
                "ledger.cut",
                format!("add to the ledger: entries {} to {reached} are gone", last + 1),
            )
            .with_hint("restore them from a backup; `accord ledger verify` says what is wrong"));
        }
        for _ in 0..ATTEMPTS {
            let previous = match last {
                0 => GENESIS.to_owned(),
                _ => sha256_hex(&self.store.read(&path(last)).await?),
            };
            let entry = Entry { seq: last + 1, previous, at, actor: actor.to_owned(), event: event.clone() };
            let bytes = to_bytes(&entry)?;
            let head = Head { seq: entry.seq, sha256: sha256_hex(&bytes) };
            if self.store.put_new(&path(entry.seq), bytes).await? {
                self.point(&head).await;
                return Ok(entry);
            }
            last += 1;
        }
        Err(Error::busy("ledger.crowded", "add to the ledger: other writers came first each time")
            .with_hint("run the command again"))
    }

    /// All entries in order.
    ///
    /// # Errors
    /// The storage's; `ledger.unreadable` naming an entry that is no entry.
    pub async fn entries(&self) -> Result<Vec<Entry>> {
        self.files().await?.into_iter().map(|(seq, bytes)| parse(seq, &bytes)).collect()
    }

    /// Checks the whole chain, and that `anchor` (a digest that was written down earlier, as the report's
    /// [`LedgerReport::anchor`] gives it) is still in it.
    ///
    /// # Errors
    /// The storage's; `ledger.anchor` for an anchor that is none. What is found is in the report.
    pub async fn verify(&self, anchor: Option<&str>) -> Result<LedgerReport> {
        let anchor = anchor.map(parse_anchor).transpose()?;
        let head = self.head().await?;
        Ok(chain::check(&self.files().await?, head.as_ref(), anchor.as_ref()))
    }

    async fn head(&self) -> Result<Option<Head>> {
        Ok(self.store.try_read(HEAD).await?.and_then(|bytes| serde_json::from_slice(&bytes).ok()))
    }

    /// The entry is in the ledger already; that the pointer could not be moved costs only how much of a cut tail is seen.
    async fn point(&self, head: &Head) {
        if let Ok(bytes) = serde_json::to_vec(head) {
            let _ = self.store.put(HEAD, bytes).await;
        }
    }

    async fn numbers(&self) -> Result<Vec<u64>> {
        let mut numbers: Vec<u64> =
            self.store.list(FOLDER).await?.iter().filter_map(|file| number(&file.path)).collect();
        numbers.sort_unstable();
        Ok(numbers)
    }

    async fn files(&self) -> Result<Vec<(u64, bytes::Bytes)>> {
        let read = |seq| async move { Ok((seq, self.store.read(&path(seq)).await?)) };
        futures::stream::iter(self.numbers().await?).map(read).buffered(PARALLEL).try_collect().await
    }
}

fn path(seq: u64) -> String {
    format!("{FOLDER}/{seq:010}.json")
}

fn number(path: &str) -> Option<u64> {
    let digits = path.strip_prefix(FOLDER)?.strip_prefix('/')?.strip_suffix(".json")?;
    (digits.len() == 10 && digits.bytes().all(|b| b.is_ascii_digit())).then(|| digits.parse().ok()).flatten()
}

fn to_bytes(entry: &Entry) -> Result<Vec<u8>> {
    let mut bytes = serde_json::to_vec(entry)
        .map_err(|error| Error::internal("ledger.encode", "write a ledger entry").with_source(error))?;
    bytes.push(b'\n');
    Ok(bytes)
}

pub(super) fn parse(seq: u64, bytes: &[u8]) -> Result<Entry> {
    serde_json::from_slice(bytes)
        .map_err(|error| {
            Error::failed("ledger.unreadable", "it is no entry")
                .with_source(error)
                .with_hint("`accord ledger verify` says what else was changed; restore the file from a backup")
        })
        .context(|| format!("read ledger entry {seq}"))
}

fn parse_anchor(text: &str) -> Result<Head> {
    let parsed = text.split_once(':').and_then(|(seq, sha256)| {
        let whole = sha256.len() == 64 && sha256.bytes().all(|b| b.is_ascii_hexdigit());
        Some(Head { seq: seq.parse().ok()?, sha256: whole.then(|| sha256.to_ascii_lowercase())? })
    });
    parsed.ok_or_else(|| {
        Error::usage("ledger.anchor", format!("`{text}` is no anchor"))
            .with_hint("an anchor is NUMBER:DIGEST, as `accord ledger verify` prints it")
    })
}
