//! The keys of one agreement and epoch. Below a random root there is HKDF-SHA256 only, one key per use and domain, so that
//! no key tells anything about another and none comes back once every wrapped copy of the root is gone.
//!
//! Reference: RFC 5869 (HKDF).

use std::fmt;

use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::Zeroizing;

use super::keyed_hash::{KeyedHash, length_prefix};
use super::locked::Locked;
use super::normalise::NORMALISER_VERSION;
use super::pseudonym::{LinkToken, Pseudonym, WIDTH};
use super::vault::VaultKey;
use super::wiped::Wiped;
use crate::error::{Error, Result};

/// Which key made a pseudonym: what may be said about a key, and what must be equal before pseudonyms are compared.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct KeyId {
    /// The agreement.
    pub agreement: String,
    /// The generation of its key, from 1.
    pub epoch: u32,
    /// 16 hexadecimal digits that are the same only for the same key.
    pub fingerprint: String,
}

impl KeyId {
    /// The id, and the version of the normalisers, as metadata of an Arrow schema or a Parquet file.
    #[must_use]
    pub fn metadata(&self) -> [(String, String); 4] {
        [
            ("accord.agreement".into(), self.agreement.clone()),
            ("accord.epoch".into(), self.epoch.to_string()),
            ("accord.key_fingerprint".into(), self.fingerprint.clone()),
            ("accord.normaliser_version".into(), NORMALISER_VERSION.to_string()),
        ]
    }

    /// Refuses pseudonyms of another key or of other normalisers than this one's, which could only ever fail to meet.
    /// `found` looks up what their file's metadata say, and `what` names them.
    ///
    /// # Errors
    /// `identity.keys_differ`.
    pub fn check_metadata(&self, found: impl Fn(&str) -> Option<String>, what: &str) -> Result<()> {
        if self.metadata().iter().all(|(name, value)| found(name).as_ref() == Some(value)) {
            return Ok(());
        }
        let [agreement, epoch, fingerprint, version] =
            self.metadata().map(|(name, _)| found(&name).unwrap_or_else(|| "none".to_owned()));
        Err(Error::config(
            "identity.keys_differ",
            format!(
                "{what} holds pseudonyms of {agreement} epoch {epoch} (key {fingerprint}, normalisers {version}), and \
                 not of {self}, normalisers {NORMALISER_VERSION}"
            ),
        )
        .with_hint("pseudonyms of two agreements, epochs or versions never meet: make them anew from the extracts"))
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} epoch {} (key {})", self.agreement, self.epoch, self.fingerprint)
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The unwrapped keys of an agreement in one epoch. Locked into memory as far as the system allows, and wiped when
/// dropped.
pub struct AgreementKeys {
    id: KeyId,
    root: Locked<Zeroizing<[u8; 32]>>,
    quarantine: Locked<age::x25519::Identity>,
}

impl AgreementKeys {
    pub(super) fn new(
        agreement: &str,
        epoch: u32,
        root: &Zeroizing<[u8; 32]>,
        quarantine: age::x25519::Identity,
    ) -> Self {
        let (root, quarantine) = (Locked::new(root.clone()), Locked::new(quarantine));
        let fingerprint = hex::encode(&derive(&root, "fingerprint", "")[..8]);
        Self { id: KeyId { agreement: agreement.to_owned(), epoch, fingerprint }, root, quarantine }
    }

    /// Agreement, epoch and fingerprint.
    #[must_use]
    pub fn id(&self) -> &KeyId {
        &self.id
    }

    /// The agreement.
    #[must_use]
    pub fn agreement(&self) -> &str {
        &self.id.agreement
    }

    /// The generation of the key, from 1.
    #[must_use]
    pub fn epoch(&self) -> u32 {
        self.id.epoch
    }

    /// 16 hexadecimal digits by which two people can see that they have the same key. Derived for this alone: they
    /// reveal nothing about any other key.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        self.id.fingerprint.clone()
    }

    /// Whether the system let the keys be locked into memory. Where it did not, they may be written to swap.
    #[must_use]
    pub fn are_locked(&self) -> bool {
        self.root.is_locked() && self.quarantine.is_locked()
    }

    /// The key of the pseudonyms of `domain`, the joined names of the fields that identify a person.
    #[must_use]
    pub fn pseudonym_key(&self, domain: &str) -> PseudonymKey {
        PseudonymKey(Locked::new(KeyedHash::new(&derive(&self.root, "pseudonym", domain), domain)))
    }

    /// The key of the link tokens of `domain`, one rule of one link.
    #[must_use]
    pub fn link_key(&self, domain: &str) -> LinkKey {
        LinkKey(Locked::new(KeyedHash::new(&derive(&self.root, "link", domain), domain)))
    }

    /// The key of the row keys of `domain`, the fields that tell which row a change of a delivery is about.
    #[must_use]
    pub fn row_key(&self, domain: &str) -> RowKey {
        RowKey(Locked::new(KeyedHash::new(&derive(&self.root, "row", domain), domain)))
    }

    /// The key that seals the identifiers of `domain`, the joined names of the fields that identify a person.
    #[must_use]
    pub fn vault_key(&self, domain: &str) -> VaultKey {
        let mut key = Zeroizing::new([0; 64]);
        expand(&self.root, "vault", domain, key.as_mut_slice());
        VaultKey::new(key)
    }

    /// The key of the record keys of people, for noise by cell keys: the same in every table, pipeline and release under
    /// the agreement.
    #[must_use]
    pub fn record_key(&self) -> RecordKey {
        RecordKey(Locked::new(KeyedHash::new(&derive(&self.root, "cell key", ""), "")))
    }

    /// The secret by which figures are rounded up or down: the same in every table, pipeline and release under the
    /// agreement.
    #[must_use]
    pub fn rounding_seed(&self) -> u64 {
        let key = derive(&self.root, "rounding", "");
        key[..8].iter().fold(0, |seed, byte| seed << 8 | u64::from(*byte))
    }

    /// The keyed hash of the encodings of `domain`, fields of a link by probability.
    pub(super) fn linkage_key(&self, domain: &str) -> KeyedHash {
        KeyedHash::new(&derive(&self.root, "linkage", domain), domain)
    }

    /// To whom quarantined rows are encrypted.
    #[must_use]
    pub fn quarantine_recipient(&self) -> age::x25519::Recipient {
        self.quarantine.to_public()
    }

    /// What opens quarantined rows.
    #[must_use]
    pub fn quarantine_identity(&self) -> &age::x25519::Identity {
        &self.quarantine
    }
}

impl fmt::Debug for AgreementKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AgreementKeys({}, ..)", self.id)
    }
}

/// HKDF-SHA256 with the info string (use, domain), each with its length in front.
fn derive(root: &[u8; 32], purpose: &str, domain: &str) -> Zeroizing<[u8; 32]> {
    let mut key = Zeroizing::new([0; 32]);
    expand(root, purpose, domain, key.as_mut_slice());
    key
}

fn expand(root: &[u8; 32], purpose: &str, domain: &str, key: &mut [u8]) {
    let (purpose, domain) = (purpose.as_bytes(), domain.as_bytes());
    let info: [&[u8]; 4] = [&length_prefix(purpose), purpose, &length_prefix(domain), domain];
    Hkdf::<Sha256>::new(None, root).expand_multi_info(&info, key).expect("HKDF-SHA256 gives up to 8160 bytes");
}

/// Makes the pseudonyms of one domain. Another type than [`LinkKey`], so that one is never used for the other.
pub struct PseudonymKey(Locked<KeyedHash>);

impl PseudonymKey {
    /// The pseudonym of normalised values, one per field of the domain.
    #[must_use]
    pub fn pseudonym<'a>(&self, values: impl IntoIterator<Item = &'a str>) -> Pseudonym {
        Pseudonym(self.0.of(values))
    }

    /// The pseudonyms of many people, in their order: faster than one by one. Whoever has no values has none.
    #[must_use]
    pub fn pseudonyms<'a, V: IntoIterator<Item = &'a str>>(
        &self,
        people: impl IntoIterator<Item = Option<V>>,
    ) -> Vec<Option<Pseudonym>> {
        let mut all = Vec::new();
        self.0.of_each(people, |hash| all.push(hash.map(Pseudonym)));
        all
    }
}

impl fmt::Debug for PseudonymKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PseudonymKey(..)")
    }
}

/// Makes the tokens of one link rule.
pub struct LinkKey(Locked<KeyedHash>);

impl LinkKey {
    /// The token of normalised values, one per field of the rule.
    #[must_use]
    pub fn token<'a>(&self, values: impl IntoIterator<Item = &'a str>) -> LinkToken {
        LinkToken(self.0.of(values))
    }

    /// The tokens of many rows, in their order.
    pub(super) fn tokens<'a, V: IntoIterator<Item = &'a str>>(
        &self,
        rows: impl IntoIterator<Item = Option<V>>,
    ) -> Wiped<Option<LinkToken>> {
        let mut all = Wiped::new();
        self.0.of_each(rows, |hash| all.push(hash.map(LinkToken)));
        all
    }
}

impl fmt::Debug for LinkKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LinkKey(..)")
    }
}

/// Makes the keys of rows that changes are about.
pub struct RowKey(Locked<KeyedHash>);

impl RowKey {
    /// Gives `each` the key of each row, made of normalised values, one per field of the domain.
    pub(super) fn of_each<'a, V: IntoIterator<Item = &'a str>>(
        &self,
        rows: impl IntoIterator<Item = Option<V>>,
        each: impl FnMut(Option<[u8; WIDTH]>),
    ) {
        self.0.of_each(rows, each);
    }
}

impl fmt::Debug for RowKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RowKey(..)")
    }
}

/// Makes the record keys of people, whose sums are the keys of cells.
pub struct RecordKey(Locked<KeyedHash>);

impl RecordKey {
    /// The record key of a person: uniform over all 64 bits to whoever does not have this key.
    #[must_use]
    pub fn of(&self, pseudonym: &[u8]) -> u64 {
        let hash = self.0.of([hex::encode(pseudonym).as_str()]);
        hash[..8].iter().fold(0, |key, byte| key << 8 | u64::from(*byte))
    }
}

impl fmt::Debug for RecordKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RecordKey(..)")
    }
}

#[cfg(test)]
impl AgreementKeys {
    /// Keys over a known root.
    pub(super) fn known(agreement: &str, epoch: u32, root: [u8; 32]) -> Self {
        Self::new(agreement, epoch, &Zeroizing::new(root), age::x25519::Identity::generate())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `tests/python/pseudonyms.py` writes the vectors with Python's `hmac`; a test of the command runs it again.
    #[test]
    fn pseudonyms_equal_the_golden_vectors_of_another_implementation() {
        let keys = AgreementKeys::known("a", 1, std::array::from_fn(|index| u8::try_from(index).expect("below 32")));
        assert_eq!(keys.fingerprint(), "2bc5a165f5a2aaf1");
        let vectors = include_str!("golden/pseudonyms.tsv");
        assert!(vectors.lines().count() > 20);
        for line in vectors.lines() {
            let [usage, domain, values, expected] = line.split('\t').collect::<Vec<_>>()[..] else { panic!("{line}") };
            let values: Vec<String> = serde_json::from_str(values).expect("values");
            let values = values.iter().map(String::as_str);
            let given = match usage {
                "pseudonym" => keys.pseudonym_key(domain).pseudonym(values).0,
                _ => keys.link_key(domain).token(values).0,
            };
            assert_eq!(hex::encode(given), expected, "{line}");
        }
    }
}
