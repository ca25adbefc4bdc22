//! What is in quarantine of a source, and what was decided about it. A decision is a file of the state storage, encrypted
//! as the quarantine is, and an entry of the ledger that holds its digest. The file comes first: one that the ledger does
//! not know decides nothing, so that a decision is there whole or not at all.

use jiff::Timestamp;
use jiff::civil::Date;
use sha2::{Digest, Sha256};

use crate::error::{Context as _, Error, Result};
use crate::identity::{AgreementKeys, DestroyedKey, Keyring};
use crate::intake::{self, Decision, Delivery, Extracts, QuarantinedRow, Resolution, Resolutions};
use crate::release::{self, Entry, Event, Ledger, sha256_hex};
use crate::storage::Store;
use crate::workspace::{ResolvedPipeline, ResolvedSource};

/// Rows that the last run over the deliveries which are there now put into quarantine.
pub struct Held {
    /// The deliveries.
    pub deliveries: Vec<Delivery>,
    /// Their rejected rows, in the order in which they were read.
    pub rows: Vec<QuarantinedRow>,
    /// What was decided about their rows.
    pub decided: Decided,
}

/// Decisions about the rows of some deliveries.
#[derive(Clone, Debug, Default)]
pub struct Decided {
    /// What holds.
    pub resolutions: Resolutions,
    /// SHA-256 of each file that decides something about these deliveries, in the order of the ledger.
    pub digests: Vec<String>,
}

/// What was decided about a source's quarantined rows.
pub struct Made<'a> {
    /// The pipeline.
    pub pipeline: &'a ResolvedPipeline,
    /// The source.
    pub source: &'a str,
    /// `dropped`, `corrected` or `reopened`.
    pub what: &'static str,
    /// Why.
    pub reason: &'a str,
    /// Row by row.
    pub rows: &'a [Resolution],
}

/// What is in quarantine of a source. `today` decides which deliveries a window takes.
///
/// # Errors
/// `quarantine.empty` where nothing is; the storage's; a file that does not open.
pub async fn held(
    extracts: &Extracts,
    state: &Store,
    pipeline: &ResolvedPipeline,
    source: &ResolvedSource,
    openers: &Openers,
    today: Date,
) -> Result<Held> {
    let (name, of) = (&pipeline.spec.name, &source.name);
    let extracts = extracts.landed(&source.contract.partner).await?;
    let found = intake::discover(&extracts, &source.spec, of, &source.contract, today).await?;
    let deliveries = found.deliveries;
    let path = quarantine_path(name, of, &deliveries);
    let rows = match state.try_read(&path).await? {
        Some(bytes) => openers.open(&bytes).context(|| format!("read {path}"))?,
        None => Vec::new(),
    };
    let entries = Ledger::open(state).entries().await?;
    let decided = decided(state, &entries, name, of, &deliveries, openers).await?;
    Ok(Held { deliveries, rows, decided })
}

/// The keys that an agreement's quarantine, and decisions about it, may be encrypted for: those of all its epochs that
/// live.
pub struct Openers {
    keys: Vec<AgreementKeys>,
    destroyed: Option<DestroyedKey>,
}

impl Openers {
    /// The keys of `agreement`, by what the ledger says of those that were destroyed.
    ///
    /// # Errors
    /// Those of [`Keyring::load_all`].
    pub async fn load(keyring: &Keyring, entries: &[Entry], agreement: &str) -> Result<Self> {
        let dead = release::destroyed_keys(entries);
        let keys = keyring.load_all(agreement, &dead).await?;
        Ok(Self { keys, destroyed: dead.newest(agreement).cloned() })
    }

    /// The key of the newest epoch, for which new files are encrypted.
    ///
    /// # Errors
    /// An internal error where there is none, which [`Self::load`] refuses.
    pub fn newest(&self) -> Result<&AgreementKeys> {
        self.keys.first().ok_or_else(|| Error::internal("quarantine.no_key", "there is no key of the quarantine"))
    }

    /// Opens a quarantine file with the key of its epoch, whichever that is.
    ///
    /// # Errors
    /// No key that lives opens it.
    pub fn open(&self, bytes: &[u8]) -> Result<Vec<QuarantinedRow>> {
        self.with_each(|identity| intake::open_quarantine(bytes, identity))
    }

    fn open_resolutions(&self, bytes: &[u8]) -> Result<Vec<Resolution>> {
        self.with_each(|identity| intake::open_resolutions(bytes, identity))
    }

    /// The newest first.
    fn with_each<T>(&self, open: impl Fn(&age::x25519::Identity) -> Result<T>) -> Result<T> {
        let mut first = None;
        for key in &self.keys {
            match open(key.quarantine_identity()) {
                Ok(opened) => return Ok(opened),
                Err(error) => drop(first.get_or_insert(error)),
            }
        }
        Err(match (&self.destroyed, first) {
            (Some(dead), _) => dead.refusal(),
            (None, Some(error)) => error,
            (None, None) => Error::internal("quarantine.no_key", "there is no key of the quarantine"),
        })
    }
}

impl std::fmt::Debug for Openers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Openers(..)")
    }
}

impl Held {
    /// Refuses where no row is in quarantine.
    ///
    /// # Errors
    /// `quarantine.empty`.
    pub fn not_empty(&self, pipeline: &str, source: &str) -> Result<()> {
        if !self.rows.is_empty() {
            return Ok(());
        }
        let said =
            format!("find rows in quarantine: source `{source}` of `{pipeline}` has none of its present deliveries");
        Err(Error::usage("quarantine.empty", said)
            .with_hint(format!("`accord run {pipeline}` reads what was delivered since the last run")))
    }

    /// The rows about which it is not decided that they are left out.
    #[must_use]
    pub fn open_rows(&self) -> Vec<QuarantinedRow> {
        let dropped = |row: &QuarantinedRow| {
            let decision = row.key().and_then(|key| self.decided.resolutions.get(&key).cloned());
            matches!(decision, Some(Decision::Dropped))
        };
        self.rows.iter().filter(|row| !dropped(row)).cloned().collect()
    }
}

/// Whether anything was decided about rows of a pipeline.
pub(super) fn is_decided(entries: &[Entry], pipeline: &str) -> bool {
    let decides =
        |entry: &Entry| matches!(&entry.event, Event::QuarantineResolution { pipeline: of, .. } if of == pipeline);
    entries.iter().any(decides)
}

/// What was decided about the rows of these deliveries.
///
/// # Errors
/// `quarantine.resolution_changed` where a file is not what the ledger says; the storage's; a file that does not open.
pub(super) async fn decided(
    state: &Store,
    entries: &[Entry],
    pipeline: &str,
    source: &str,
    deliveries: &[Delivery],
    openers: &Openers,
) -> Result<Decided> {
    let mut found = Decided::default();
    for entry in entries {
        let Event::QuarantineResolution { pipeline: of, source: about, deliveries: touched, file, digest, .. } =
            &entry.event
        else {
            continue;
        };
        let here = |one: &Delivery| touched.contains(&one.digest);
        if of != pipeline || about != source || !deliveries.iter().any(here) {
            continue;
        }
        let bytes = state.try_read(file).await?.filter(|bytes| sha256_hex(bytes) == *digest).ok_or_else(|| {
            let said = format!("read decisions about quarantined rows: {file} is missing, or not as it was recorded");
            Error::failed("quarantine.resolution_changed", said).with_hint(format!(
                "restore it from a backup; entry {} of the ledger says who made it and its digest",
                entry.seq
            ))
        })?;
        let made = openers.open_resolutions(&bytes).context(|| format!("read {file}"))?;
        found.resolutions.add(made);
        found.digests.push(digest.clone());
    }
    Ok(found)
}

/// Records decisions: the file, then the ledger's entry.
///
/// # Errors
/// The storage's, the ledger's.
pub async fn decide(
    state: &Store,
    keys: &AgreementKeys,
    made: &Made<'_>,
    actor: &str,
    now: Timestamp,
) -> Result<Entry> {
    let sealed = intake::seal_resolutions(made.rows, &keys.quarantine_recipient())?;
    let digest = sha256_hex(&sealed);
    let pipeline = &made.pipeline.spec.name;
    let file = format!("resolutions/{pipeline}/{}/{}.jsonl.age", made.source, &digest[..16]);
    // Its name is made of its bytes: what is there already is the same.
    state.put_new(&file, sealed).await?;
    let mut deliveries: Vec<String> = made.rows.iter().map(|one| one.row.delivery.clone()).collect();
    deliveries.sort_unstable();
    deliveries.dedup();
    let event = Event::QuarantineResolution {
        pipeline: pipeline.clone(),
        source: made.source.to_owned(),
        agreement: made.pipeline.agreement.id.clone(),
        decision: made.what.to_owned(),
        rows: made.rows.len() as u64,
        reason: made.reason.to_owned(),
        deliveries,
        file,
        digest,
    };
    Ledger::open(state).append(now, actor, event).await
}

/// Named after the content that was read, so that a run of the same deliveries replaces its own quarantine.
pub(super) fn quarantine_path(pipeline: &str, source: &str, deliveries: &[Delivery]) -> String {
    let digests: String = deliveries.iter().map(|one| one.digest.as_str()).collect::<Vec<_>>().join("+");
    let short = hex::encode(&Sha256::digest(digests.as_bytes())[..6]);
    format!("quarantine/{pipeline}/{source}/{short}.jsonl.age")
}

impl std::fmt::Debug for Held {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Held(..)")
    }
}

impl std::fmt::Debug for Made<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Made({}, {}, ..)", self.source, self.what)
    }
}
