//! The re-identification vault in the state storage, and its opening by two stewards.
//!
//! `vault/AGREEMENT/eEPOCH/PIPELINE.SOURCE.parquet` holds pseudonyms and sealed identifiers. It is written by a run, and
//! only where the agreement has a `vault` clause that names the source's contract; a run under an agreement without one
//! removes what is there.
//!
//! Guarantees: nothing is opened without valid signatures of two stewards (as for the destruction of keys) over exactly
//! these people and this reason; each opening is in the ledger before its result is handed out, and needs an order of its
//! own. The ledger holds digests of the pseudonyms, so that it names nobody.
//! Does not protect against: whoever has the key and the vault's file and leaves this program aside.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, BinaryArray, FixedSizeBinaryArray, RecordBatch};
use arrow::datatypes::{DataType, Field, Schema};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::destruction::destroyed_keys;
use super::digest::canonical;
use super::event::{Event, VaultOrder};
use super::keys::Stewards;
use super::ledger::Ledger;
use super::two_stewards::{Desk, Order, Orderer, Pending, Seen};
use crate::error::{Error, Result};
use crate::identity::{AgreementKeys, Keyring, Pseudonym, SealedPeople};
use crate::staging::{self, ParquetFile};
use crate::storage::Store;
use crate::workspace::{Agreement, ResolvedPipeline, ResolvedSource};

/// First line of the signed bytes.
const DOMAIN: &str = "accord vault opening v1";
/// Rows written at a time.
const ROWS: usize = 64 * 1024;

impl Order for VaultOrder {
    fn agreement(&self) -> &str {
        &self.agreement
    }

    fn message(&self, steward: &str) -> Vec<u8> {
        let mut fields = vec![self.agreement.as_str(), &self.pipeline, &self.source, steward, &self.reason];
        fields.extend(self.people.iter().map(String::as_str));
        canonical(DOMAIN, &fields)
    }

    fn seen(event: &Event) -> Option<Seen<'_, Self>> {
        match event {
            Event::VaultOrder { order, signed } => Some(Seen::Signed(order, signed)),
            Event::VaultOpening { order, .. } => Some(Seen::CarriedOut(order)),
            _ => None,
        }
    }
}

/// The folder of an agreement's vault.
#[must_use]
pub fn vault_folder(agreement: &str) -> String {
    format!("vault/{agreement}")
}

fn path(agreement: &str, epoch: u32, pipeline: &str, source: &str) -> String {
    format!("{}/e{epoch}/{pipeline}.{source}.parquet", vault_folder(agreement))
}

/// Writes the sealed people of a source; what an earlier run wrote is replaced.
///
/// # Errors
/// The storage's.
pub async fn write_vault(
    store: &Store,
    keys: &AgreementKeys,
    pipeline: &str,
    source: &str,
    people: &SealedPeople,
) -> Result<()> {
    let failed = |_| Error::internal("vault.batch", "the vault's rows do not fit together");
    let fields =
        vec![Field::new("person", DataType::FixedSizeBinary(16), false), Field::new("sealed", DataType::Binary, false)];
    let schema = Arc::new(Schema::new(fields));
    let path = path(keys.agreement(), keys.epoch(), pipeline, source);
    let mut file = ParquetFile::create(store, &path, Arc::clone(&schema), keys.id()).await?;
    let all: Vec<(&Pseudonym, &[u8])> = people.iter().collect();
    for rows in all.chunks(ROWS) {
        let person =
            FixedSizeBinaryArray::try_from_iter(rows.iter().map(|(person, _)| person.as_bytes())).map_err(failed)?;
        let sealed = BinaryArray::from_iter_values(rows.iter().map(|(_, sealed)| sealed));
        let columns: Vec<ArrayRef> = vec![Arc::new(person), Arc::new(sealed)];
        file.write(&RecordBatch::try_new(Arc::clone(&schema), columns).map_err(failed)?).await?;
    }
    file.close().await.map(drop)
}

/// Where things are, who may open it, and what time it is.
#[derive(Clone, Copy)]
pub struct VaultDesk<'a> {
    /// The state storage: vault and ledger.
    pub state: &'a Store,
    /// The keyring.
    pub keyring: &'a Keyring,
    /// The pipeline, under its agreement as it is today.
    pub pipeline: &'a ResolvedPipeline,
    /// The stewards.
    pub stewards: &'a Stewards,
    /// The time.
    pub now: jiff::Timestamp,
}

/// What came of it.
pub enum Opening {
    /// Another steward has to sign.
    Waiting(Pending<VaultOrder>),
    /// The identifiers, in the order of the question.
    Open(Vec<(Pseudonym, Zeroizing<Vec<String>>)>),
}

impl VaultDesk<'_> {
    /// Signs an order to open the seals of `people` of a source, or the one that waits; with the second signature they
    /// are opened.
    ///
    /// # Errors
    /// A governance error where the agreement has no vault for the source; a usage error for people whom it does not hold;
    /// as for the destruction of keys where the steward may not sign; the keyring's and the storage's.
    pub async fn open(&self, source: &str, people: &[Pseudonym], orderer: Orderer<'_>) -> Result<Opening> {
        let agreement = &*self.pipeline.agreement;
        let source = self.source(source)?;
        allowed(agreement, source)?;
        let ledger = Ledger::open(self.state);
        let entries = ledger.entries().await?;
        let keys = self.keyring.load_all(&agreement.id, &destroyed_keys(&entries)).await?;
        // Before anybody signs: an order that can't be carried out helps nobody.
        let opened = self.opened(source, people, &keys).await?;
        let desk = Desk { agreement, stewards: self.stewards, now: self.now };
        let mut pending: Option<Pending<VaultOrder>> = desk.pending(&entries);
        let order = self.order(source, people, pending.as_ref(), orderer.reason)?;
        if pending.as_ref().is_none_or(|one| !desk.complete(&one.signatures)) {
            let signed = desk.sign(&order, pending.as_ref(), orderer)?;
            ledger.append(self.now, orderer.steward, Event::VaultOrder { order, signed }).await?;
            pending = desk.pending(&ledger.entries().await?);
        }
        let Some(pending) = pending else {
            return Err(Error::internal("vault.order", "the order that was signed is not in the ledger"));
        };
        if !desk.complete(&pending.signatures) {
            return Ok(Opening::Waiting(pending));
        }
        let event = Event::VaultOpening { order: pending.order, signatures: pending.signatures };
        ledger.append(self.now, orderer.steward, event).await?;
        Ok(Opening::Open(opened))
    }

    fn source(&self, name: &str) -> Result<&ResolvedSource> {
        self.pipeline.source(name).ok_or_else(|| {
            let names = self.pipeline.sources.iter().map(|one| one.name.as_str()).collect::<Vec<_>>().join(", ");
            Error::usage("vault.no_source", format!("`{}` has no source `{name}`", self.pipeline.spec.name))
                .with_hint(format!("its sources are {names}"))
        })
    }

    /// The order that is meant: the one that waits, or a new one.
    fn order(
        &self,
        source: &ResolvedSource,
        people: &[Pseudonym],
        pending: Option<&Pending<VaultOrder>>,
        reason: Option<&str>,
    ) -> Result<VaultOrder> {
        let digests: Vec<String> = people.iter().map(digest).collect();
        let Some(pending) = pending else {
            return Ok(VaultOrder {
                agreement: self.pipeline.agreement.id.clone(),
                pipeline: self.pipeline.spec.name.clone(),
                source: source.name.clone(),
                people: digests,
                reason: super::actions::said(reason.unwrap_or_default())?,
            });
        };
        let order = &pending.order;
        let same = order.pipeline == self.pipeline.spec.name
            && order.source == source.name
            && order.people == digests
            && reason.is_none_or(|reason| reason.trim() == order.reason);
        if same {
            return Ok(order.clone());
        }
        Err(Error::usage(
            "vault.other_order",
            format!(
                "another order waits: {} people of {}.{}, because: {}",
                order.people.len(),
                order.pipeline,
                order.source,
                order.reason
            ),
        )
        .with_hint("sign that one with the same people, or wait until the agreement's term is over"))
    }

    /// The identifiers of `people`, each under the key of its epoch.
    async fn opened(
        &self,
        source: &ResolvedSource,
        people: &[Pseudonym],
        keys: &[AgreementKeys],
    ) -> Result<Vec<(Pseudonym, Zeroizing<Vec<String>>)>> {
        let wanted: BTreeSet<&[u8]> = people.iter().map(|person| person.as_bytes().as_slice()).collect();
        let mut found = Vec::new();
        for key in keys {
            let path = path(key.agreement(), key.epoch(), &self.pipeline.spec.name, &source.name);
            let Some(bytes) = self.state.try_read(&path).await? else { continue };
            let vault_key = key.vault_key(&source.contract.person.join(","));
            let damaged = || {
                Error::failed("vault.damaged", format!("{path} is damaged"))
                    .with_hint("`accord run --again` writes it anew from the extracts")
            };
            let builder = ParquetRecordBatchReaderBuilder::try_new(bytes).map_err(|_| damaged())?;
            staging::check_footer(builder.metadata().file_metadata(), key.id(), &path)?;
            for batch in builder.build().map_err(|_| damaged())? {
                let batch = batch.map_err(|_| damaged())?;
                let (person, sealed) =
                    (batch.column(0).as_fixed_size_binary_opt(), batch.column(1).as_binary_opt::<i32>());
                let (Some(person), Some(sealed)) = (person, sealed) else { return Err(damaged()) };
                for row in (0..batch.num_rows()).filter(|row| wanted.contains(person.value(*row))) {
                    let known = people.iter().find(|one| one.as_bytes().as_slice() == person.value(row));
                    let Some(known) = known else { continue };
                    found.push((*known, vault_key.open(known, sealed.value(row))?));
                }
            }
        }
        let missing = people.iter().filter(|person| !found.iter().any(|(one, _)| one == *person)).count();
        if missing == 0 {
            return Ok(found);
        }
        Err(Error::usage("vault.no_person", format!("the vault does not hold {missing} of the pseudonyms"))
            .with_hint("they are of another source, agreement or epoch, or no run has written the vault yet"))
    }
}

/// Whether the agreement has a vault for the source.
fn allowed(agreement: &Agreement, source: &ResolvedSource) -> Result<()> {
    if agreement.in_vault(&source.contract.id) {
        return Ok(());
    }
    Err(Error::governance(
        "vault.not_allowed",
        format!("agreement `{}` has no vault for contract `{}`", agreement.id, source.contract.id),
    )
    .with_hint("only a `vault` clause in the agreement, which the partners sign, allows it"))
}

/// What the ledger holds of a pseudonym.
fn digest(person: &Pseudonym) -> String {
    hex::encode(Sha256::new().chain_update(DOMAIN).chain_update(person.as_bytes()).finalize())
}
