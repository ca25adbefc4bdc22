//! The keys of one agreement and epoch. Below a random root there is HKDF-SHA256 only, one key per use and domain, so that
//! no key tells anything about another and none comes back once every wrapped copy of the root is gone.
//!
//! Reference: RFC 5869 (HKDF).

use std::fmt;

use hkdf::Hkdf;
use secrecy::{ExposeSecret, SecretBox};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::keyed_hash::{KeyedHash, length_prefix};
use super::pseudonym::{LinkToken, Pseudonym};

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
    /// The id as metadata of an Arrow schema or a Parquet file.
    #[must_use]
    pub fn metadata(&self) -> [(String, String); 3] {
        [
            ("accord.agreement".into(), self.agreement.clone()),
            ("accord.epoch".into(), self.epoch.to_string()),
            ("accord.key_fingerprint".into(), self.fingerprint.clone()),
        ]
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

/// The unwrapped keys of an agreement in one epoch. Wiped from memory when dropped.
pub struct AgreementKeys {
    id: KeyId,
    root: SecretBox<[u8; 32]>,
    quarantine: age::x25519::Identity,
}

impl AgreementKeys {
    pub(super) fn new(
        agreement: &str,
        epoch: u32,
        root: SecretBox<[u8; 32]>,
        quarantine: age::x25519::Identity,
    ) -> Self {
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

    /// The key of the pseudonyms of `domain`, the joined names of the fields that identify a person.
    #[must_use]
    pub fn pseudonym_key(&self, domain: &str) -> PseudonymKey {
        PseudonymKey(KeyedHash::new(&derive(&self.root, "pseudonym", domain), domain))
    }

    /// The key of the link tokens of `domain`, one rule of one link.
    #[must_use]
    pub fn link_key(&self, domain: &str) -> LinkKey {
        LinkKey(KeyedHash::new(&derive(&self.root, "link", domain), domain))
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
fn derive(root: &SecretBox<[u8; 32]>, purpose: &str, domain: &str) -> Zeroizing<[u8; 32]> {
    let mut key = Zeroizing::new([0; 32]);
    let (purpose, domain) = (purpose.as_bytes(), domain.as_bytes());
    let info: [&[u8]; 4] = [&length_prefix(purpose), purpose, &length_prefix(domain), domain];
    Hkdf::<Sha256>::new(None, root.expose_secret())
        .expand_multi_info(&info, key.as_mut_slice())
        .expect("HKDF-SHA256 gives up to 8160 bytes");
    key
}

/// Makes the pseudonyms of one domain. Another type than [`LinkKey`], so that one is never used for the other.
pub struct PseudonymKey(KeyedHash);

impl PseudonymKey {
    /// The pseudonym of normalised values, one per field of the domain.
    #[must_use]
    pub fn pseudonym<'a>(&self, values: impl IntoIterator<Item = &'a str>) -> Pseudonym {
        Pseudonym(self.0.of(values))
    }
}

impl fmt::Debug for PseudonymKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PseudonymKey(..)")
    }
}

/// Makes the tokens of one link rule.
pub struct LinkKey(KeyedHash);

impl LinkKey {
    /// The token of normalised values, one per field of the rule.
    #[must_use]
    pub fn token<'a>(&self, values: impl IntoIterator<Item = &'a str>) -> LinkToken {
        LinkToken(self.0.of(values))
    }
}

impl fmt::Debug for LinkKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LinkKey(..)")
    }
}

#[cfg(test)]
impl AgreementKeys {
    /// Keys over a known root.
    pub(super) fn known(agreement: &str, epoch: u32, root: [u8; 32]) -> Self {
        Self::new(agreement, epoch, SecretBox::new(Box::new(root)), age::x25519::Identity::generate())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Computed with Python's `hmac`: HKDF without salt, info `lp(use) + lp(domain)`, then the HMAC of `keyed_hash.rs`.
    #[test]
    fn derived_keys_equal_those_of_another_implementation() {
        let keys = AgreementKeys::known("a", 1, std::array::from_fn(|index| u8::try_from(index).expect("below 32")));
        assert_eq!(keys.fingerprint(), "2bc5a165f5a2aaf1");
        let pseudonym = keys.pseudonym_key("ssid").pseudonym(["0012345678"]);
        assert_eq!(hex::encode(pseudonym.0), "053e8b35931ee0aa8cb124af1f325268");
        let token = keys.link_key("ssid").token(["0012345678"]);
        assert_eq!(hex::encode(token.0), "df3f887ecc4bc4cc55fbbba5fbe80210");
    }
}
