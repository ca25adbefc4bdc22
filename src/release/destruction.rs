//! The death of keys: two stewards order it, every copy is removed, and the ledger proves it.
//!
//! Guarantees: no key is destroyed without valid signatures of two stewards of parties to the agreement (of two parties
//! where more than one has a steward) over exactly these keys and this reason, given within the agreement's term; from
//! the entry that says it has begun, the keys are refused ([`destroyed_keys`]); killed anywhere, the next call finishes it.
//! Does not protect against: a copy outside of the keyring's folder in the hands of someone who leaves this program aside.
//! What then still helps is in `docs/keys.md`.

use jiff::Timestamp;

use super::approval::verify_message;
use super::digest::canonical;
use super::event::{DestructionOrder, DestructionStage, DoomedKey, Entry, Event, Signed, StewardSignature};
use super::keys::Stewards;
use super::ledger::Ledger;
use super::two_stewards::{Desk, Order, Orderer, Pending, Seen};
use crate::error::{Error, Result};
use crate::identity::{AgreementKeys, DestroyedKey, DestroyedKeys, KeyInfo, Keyring};
use crate::workspace::Agreement;

/// First line of the signed bytes: a signature made for anything else never fits.
const DOMAIN: &str = "accord key destruction v1";

/// Where things are, who may order it, and what time it is.
#[derive(Clone, Copy)]
pub struct Destroyer<'a> {
    /// The ledger.
    pub ledger: Ledger<'a>,
    /// The keyring; it need not open keys that age wrapped.
    pub keyring: &'a Keyring,
    /// The agreement.
    pub agreement: &'a Agreement,
    /// The stewards.
    pub stewards: &'a Stewards,
    /// The time.
    pub now: Timestamp,
}

/// How far it went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destruction {
    /// Another steward has to sign.
    Waiting(Pending<DestructionOrder>),
    /// It is done.
    Done {
        /// What was ordered.
        order: DestructionOrder,
        /// What was removed.
        copies: Vec<String>,
    },
    /// It had been done before, and no copy was there.
    DoneBefore(DestructionOrder),
}

impl Order for DestructionOrder {
    fn agreement(&self) -> &str {
        &self.agreement
    }

    fn message(&self, steward: &str) -> Vec<u8> {
        let epochs: Vec<String> = self.keys.iter().map(|key| key.epoch.to_string()).collect();
        let mut fields = vec![self.agreement.as_str(), steward, self.reason.as_str()];
        for (key, epoch) in self.keys.iter().zip(&epochs) {
            fields.extend([epoch.as_str(), key.fingerprint.as_str()]);
        }
        canonical(DOMAIN, &fields)
    }

    fn seen(event: &Event) -> Option<Seen<'_, Self>> {
        match event {
            Event::KeyDestructionOrder { order, signed } => Some(Seen::Signed(order, signed)),
            Event::KeyDestruction { order, .. } => Some(Seen::CarriedOut(order)),
            _ => None,
        }
    }
}

impl DestructionOrder {
    /// The keys as the keyring knows them.
    fn infos(&self) -> impl Iterator<Item = KeyInfo> + '_ {
        self.keys.iter().map(|key| KeyInfo { agreement: self.agreement.clone(), epoch: key.epoch })
    }
}

/// Whether `signed` is the signature of its own public key by `steward` over `order`.
#[must_use]
pub fn verify_destruction(order: &DestructionOrder, steward: &str, signed: &Signed) -> bool {
    verify_message(&order.message(steward), signed)
}

/// The keys that are dead, by the ledger: all whose destruction has begun.
#[must_use]
pub fn destroyed_keys(entries: &[Entry]) -> DestroyedKeys {
    let mut dead: Vec<DestroyedKey> = Vec::new();
    for entry in entries {
        let Event::KeyDestruction { order, .. } = &entry.event else { continue };
        for key in &order.keys {
            let known = dead.iter().any(|one| one.agreement == order.agreement && one.epoch == key.epoch);
            if !known {
                dead.push(DestroyedKey {
                    agreement: order.agreement.clone(),
                    epoch: key.epoch,
                    fingerprint: key.fingerprint.clone(),
                    recorded: format!("{} (ledger entry {})", entry.at.strftime("%Y-%m-%d"), entry.seq),
                });
            }
        }
    }
    DestroyedKeys(dead)
}

/// The newest key of an agreement, unless the ledger knows it to be dead, to be an earlier one than the last that was
/// made, or to be another than was made under its name.
///
/// # Errors
/// Those of [`Keyring::load`]; `identity.old_key` and `identity.replaced_key`; the storage's.
pub async fn living_key(ledger: &Ledger<'_>, keyring: &Keyring, agreement: &str) -> Result<AgreementKeys> {
    let entries = ledger.entries().await?;
    let dead = destroyed_keys(&entries);
    let keys = keyring.load(agreement, &dead).await?;
    check_recorded(&entries, &dead, &keys)?;
    Ok(keys)
}

/// Refuses where the ledger knows a living key of `agreement` that the keyring does not have: another key of its number
/// would be taken for it.
///
/// # Errors
/// `identity.lost_key`; the keyring's.
pub fn check_none_lost(entries: &[Entry], keyring: &Keyring, agreement: &str) -> Result<()> {
    let (dead, there) = (destroyed_keys(entries), keyring.list()?);
    let recorded = recorded_keys(entries, agreement);
    let lost = |key: &KeyInfo| dead.get(agreement, key.epoch).is_none() && !there.contains(key);
    let Some((key, fingerprint)) = recorded.iter().find(|(key, _)| lost(key)) else { return Ok(()) };
    Err(Error::failed(
        "identity.lost_key",
        format!(
            "the ledger knows key {} of {agreement} (fingerprint {fingerprint}), and the keyring does not have it",
            key.epoch
        ),
    )
    .with_hint(format!(
        "put it back from a backup of the keyring; where it is lost for good, two stewards declare it dead: `accord keys \
         destroy {agreement}`"
    )))
}

/// Refuses a key that is not the one of the ledger's last entry about a living key: its pseudonyms would join nothing
/// that was made since, and without a word.
fn check_recorded(entries: &[Entry], dead: &DestroyedKeys, keys: &AgreementKeys) -> Result<()> {
    let (agreement, epoch) = (keys.agreement(), keys.epoch());
    let mut recorded = recorded_keys(entries, agreement);
    recorded.retain(|(key, _)| dead.get(agreement, key.epoch).is_none());
    if let Some((newer, fingerprint)) = recorded.iter().find(|(key, _)| key.epoch > epoch) {
        return Err(Error::failed(
            "identity.old_key",
            format!(
                "the keyring's newest key of {agreement} is key {epoch}, and the ledger knows key {} (fingerprint \
                 {fingerprint})",
                newer.epoch
            ),
        )
        .with_hint(format!(
            "put key {} back from a backup of the keyring; where it is lost for good, two stewards declare it dead: \
             `accord keys destroy {agreement} --epoch {}`, and then `accord keys new {agreement}`",
            newer.epoch, newer.epoch
        )));
    }
    match recorded.iter().find(|(key, _)| key.epoch == epoch) {
        Some((_, fingerprint)) if *fingerprint != keys.fingerprint() => Err(Error::failed(
            "identity.replaced_key",
            format!(
                "key {epoch} of {agreement} has the fingerprint {}, and the ledger says {fingerprint}: it is another key",
                keys.fingerprint()
            ),
        )
        .with_hint("put the key that was made back from a backup of the keyring")),
        _ => Ok(()),
    }
}

/// An order to destroy keys of the agreement that is neither carried out nor void by `now`.
#[must_use]
pub fn open_order(
    entries: &[Entry],
    agreement: &Agreement,
    stewards: &Stewards,
    now: Timestamp,
) -> Option<Pending<DestructionOrder>> {
    Desk { agreement, stewards, now }.pending(entries)
}

impl Destroyer<'_> {
    /// Signs an order (or makes one, over all keys of the agreement or the one of `epoch`), and carries it out once it is
    /// complete. Without an orderer it only finishes what was ordered.
    ///
    /// # Errors
    /// A usage error where there is nothing to finish and nobody signs; a governance error where the steward may not;
    /// `NotApproved` where the key is not the steward's; the keyring's, the key service's, the storage's.
    pub async fn destroy(&self, epoch: Option<u32>, orderer: Option<Orderer<'_>>) -> Result<Destruction> {
        let entries = self.ledger.entries().await?;
        if let Some((order, signatures, copies)) = self.unfinished(&entries) {
            return self.carry_out(order, signatures, copies).await;
        }
        let desk = Desk { agreement: self.agreement, stewards: self.stewards, now: self.now };
        let mut open: Option<Pending<DestructionOrder>> = desk.pending(&entries);
        if open.as_ref().is_none_or(|one| !desk.complete(&one.signatures)) {
            let Some(orderer) = orderer else { return self.nothing_to_finish(&entries, open.is_some()) };
            let order = match &open {
                Some(open) => same_order(&open.order, epoch, orderer.reason)?,
                None => match self.new_order(&entries, epoch, orderer.reason).await? {
                    Some(order) => order,
                    None => return self.nothing_to_finish(&entries, false),
                },
            };
            let signed = desk.sign(&order, open.as_ref(), orderer)?;
            self.ledger.append(self.now, orderer.steward, Event::KeyDestructionOrder { order, signed }).await?;
            open = desk.pending(&self.ledger.entries().await?);
        }
        let Some(open) = open else {
            return Err(Error::internal("keys.order", "the order that was signed is not in the ledger"));
        };
        if !desk.complete(&open.signatures) {
            return Ok(Destruction::Waiting(open));
        }
        let mut copies = Vec::new();
        for key in open.order.infos() {
            copies.extend(self.keyring.files_of(&key)?.into_iter().map(|name| format!("file {name}")));
        }
        self.record(DestructionStage::Begun, &open.order, &open.signatures, &copies).await?;
        self.carry_out(open.order, open.signatures, copies).await
    }

    /// A destruction that has begun and is not done, or whose copies are there again.
    fn unfinished(&self, entries: &[Entry]) -> Option<(DestructionOrder, Vec<StewardSignature>, Vec<String>)> {
        let mut left: Vec<(DestructionOrder, Vec<StewardSignature>, Vec<String>)> = Vec::new();
        for entry in entries {
            let Event::KeyDestruction { stage, order, signatures, copies } = &entry.event else { continue };
            if order.agreement != self.agreement.id {
                continue;
            }
            left.retain(|(one, ..)| one != order);
            let back = || order.infos().any(|key| self.keyring.files_of(&key).is_ok_and(|files| !files.is_empty()));
            match stage {
                DestructionStage::Begun => left.push((order.clone(), signatures.clone(), copies.clone())),
                DestructionStage::Done if back() => left.push((order.clone(), signatures.clone(), Vec::new())),
                DestructionStage::Done => {}
            }
        }
        left.pop()
    }

    async fn carry_out(
        &self,
        order: DestructionOrder,
        signatures: Vec<StewardSignature>,
        mut copies: Vec<String>,
    ) -> Result<Destruction> {
        for key in order.infos() {
            for one in self.keyring.destroy(&key).await? {
                if !copies.contains(&one) {
                    copies.push(one);
                }
            }
        }
        // With the agreement's last key goes what a killed command made for one that never came.
        let of_agreement = |key: &KeyInfo| key.agreement == order.agreement;
        if !self.keyring.list()?.iter().any(of_agreement) {
            for key in self.keyring.unfinished()?.iter().filter(|key| of_agreement(key)) {
                copies.extend(self.keyring.destroy(key).await?);
            }
        }
        self.record(DestructionStage::Done, &order, &signatures, &copies).await?;
        Ok(Destruction::Done { order, copies })
    }

    async fn record(
        &self,
        stage: DestructionStage,
        order: &DestructionOrder,
        signatures: &[StewardSignature],
        copies: &[String],
    ) -> Result<()> {
        let actor = signatures.last().map_or("keys", |last| last.steward.as_str());
        let event = Event::KeyDestruction {
            stage,
            order: order.clone(),
            signatures: signatures.to_vec(),
            copies: copies.to_vec(),
        };
        self.ledger.append(self.now, actor, event).await.map(drop)
    }

    fn nothing_to_finish(&self, entries: &[Entry], waits: bool) -> Result<Destruction> {
        let id = &self.agreement.id;
        let done = entries.iter().rev().find_map(|entry| match &entry.event {
            Event::KeyDestruction { order, .. } if order.agreement == *id => Some(order.clone()),
            _ => None,
        });
        let dead = destroyed_keys(entries);
        let living = |key: &KeyInfo| key.agreement == *id && dead.get(id, key.epoch).is_none();
        match done {
            _ if waits => Err(Error::usage("keys.no_signer", "the order waits for another steward's signature")
                .with_hint(format!("accord keys destroy {id} --as STEWARD --key FILE"))),
            _ if self.keyring.list()?.iter().any(living) => {
                Err(Error::usage("keys.no_signer", "nothing was removed: nobody has ordered it").with_hint(format!(
                    "two stewards order it, the first with `accord keys destroy {id} --as STEWARD --key FILE --reason \
                     \"...\"`"
                )))
            }
            Some(order) => Ok(Destruction::DoneBefore(order)),
            None => Err(Error::usage("keys.nothing_to_destroy", format!("agreement {id} has no key to destroy"))
                .with_hint("`accord keys list` says what is there")),
        }
    }

    /// An order over the living keys; none where there is none left.
    async fn new_order(
        &self,
        entries: &[Entry],
        epoch: Option<u32>,
        reason: Option<&str>,
    ) -> Result<Option<DestructionOrder>> {
        let id = &self.agreement.id;
        let dead = destroyed_keys(entries);
        let mut keys = Vec::new();
        for key in self.keyring.list()? {
            if key.agreement != *id || epoch.is_some_and(|one| one != key.epoch) || dead.get(id, key.epoch).is_some() {
                continue;
            }
            let fingerprint = match recorded_fingerprint(entries, &key) {
                Some(fingerprint) => fingerprint,
                None => self.keyring.open_key(&key, &dead).await?.fingerprint(),
            };
            keys.push(DoomedKey { epoch: key.epoch, fingerprint });
        }
        // Keys whose files are lost are dead all the same, and a backup of them must be.
        for (key, fingerprint) in recorded_keys(entries, id) {
            let known = keys.iter().any(|one| one.epoch == key.epoch) || dead.get(id, key.epoch).is_some();
            if !known && epoch.is_none_or(|one| one == key.epoch) {
                keys.push(DoomedKey { epoch: key.epoch, fingerprint });
            }
        }
        keys.sort_by_key(|key| key.epoch);
        if keys.is_empty() {
            return Ok(None);
        }
        let reason = super::actions::said(reason.unwrap_or_default())?;
        Ok(Some(DestructionOrder { agreement: id.clone(), keys, reason }))
    }
}

/// The open order, where the second steward means the same.
fn same_order(open: &DestructionOrder, epoch: Option<u32>, reason: Option<&str>) -> Result<DestructionOrder> {
    let same_keys = epoch.is_none_or(|epoch| matches!(&open.keys[..], [key] if key.epoch == epoch));
    let same_reason = reason.is_none_or(|reason| reason.trim() == open.reason);
    if same_keys && same_reason {
        return Ok(open.clone());
    }
    let epochs = open.keys.iter().map(|key| key.epoch.to_string()).collect::<Vec<_>>().join(", ");
    Err(Error::usage(
        "keys.other_order",
        format!("another order waits: key {epochs} of {}, because: {}", open.agreement, open.reason),
    )
    .with_hint("leave --reason and --epoch out to sign that one; it is void once the agreement's term is over"))
}

/// The fingerprint of a key by the ledger.
#[must_use]
pub fn recorded_fingerprint(entries: &[Entry], key: &KeyInfo) -> Option<String> {
    recorded_keys(entries, &key.agreement).into_iter().find(|(one, _)| one == key).map(|(_, fingerprint)| fingerprint)
}

/// The keys of an agreement that the ledger has seen made, with their fingerprints.
#[must_use]
pub fn recorded_keys(entries: &[Entry], agreement: &str) -> Vec<(KeyInfo, String)> {
    let made = entries.iter().filter_map(|entry| match &entry.event {
        Event::KeyCreated { agreement: of, epoch, fingerprint } if of == agreement => {
            Some((KeyInfo { agreement: of.clone(), epoch: *epoch }, fingerprint.clone()))
        }
        _ => None,
    });
    made.collect()
}
