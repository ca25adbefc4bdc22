//! The re-identification vault: from a pseudonym back to the identifier that it stands for, sealed. It exists only where
//! the agreement has a `vault` clause, and is opened only by `release::open_vault`, with two stewards.
//!
//! Each identifier is sealed with AES-256-SIV under a key of its own use, bound to its pseudonym: a sealed one moved to
//! another pseudonym does not open. The same identifier under the same pseudonym seals to the same bytes, which says no
//! more than the pseudonym does.
//!
//! Reference: RFC 5297 (AES-SIV).

use std::collections::BTreeMap;
use std::fmt;

use aes_siv::KeyInit;
use aes_siv::siv::Aes256Siv;
use zeroize::Zeroizing;

use super::locked::Locked;
use super::pseudonym::Pseudonym;
use crate::error::{Error, Result};

/// First of the data that a seal is bound to.
const DOMAIN: &[u8] = b"accord-vault/1";

/// Seals identifiers and opens them. Another type than the keys that make pseudonyms and link tokens.
pub struct VaultKey(Locked<Zeroizing<[u8; 64]>>);

impl VaultKey {
    pub(super) fn new(key: Zeroizing<[u8; 64]>) -> Self {
        Self(Locked::new(key))
    }

    /// Seals the normalised values that identify a person.
    ///
    /// # Errors
    /// An internal error where the cipher refuses.
    pub fn seal<'a>(&self, person: &Pseudonym, values: impl IntoIterator<Item = &'a str>) -> Result<Vec<u8>> {
        let failed = || Error::internal("identity.vault", "an identifier can't be sealed");
        let plain: Vec<&str> = values.into_iter().collect();
        let plain = Zeroizing::new(serde_json::to_vec(&plain).map_err(|_| failed())?);
        self.cipher().encrypt([DOMAIN, person.as_bytes().as_slice()], &plain).map_err(|_| failed())
    }

    /// The values that were sealed for `person`.
    ///
    /// # Errors
    /// `identity.vault_seal` where the key is another one, or the seal was changed or is another person's.
    pub fn open(&self, person: &Pseudonym, sealed: &[u8]) -> Result<Zeroizing<Vec<String>>> {
        let failed = || {
            Error::failed("identity.vault_seal", "a seal of the vault does not open")
                .with_hint("it was made under another epoch's key, or the vault's file was changed")
        };
        let plain = self.cipher().decrypt([DOMAIN, person.as_bytes().as_slice()], sealed).map_err(|_| failed())?;
        let plain = Zeroizing::new(plain);
        serde_json::from_slice(&plain).map(Zeroizing::new).map_err(|_| failed())
    }

    fn cipher(&self) -> Aes256Siv {
        Aes256Siv::new((&**self.0).into())
    }
}

impl fmt::Debug for VaultKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("VaultKey(..)")
    }
}

/// The sealed identifiers of a source's people, by pseudonym.
#[derive(Default)]
pub struct SealedPeople(pub(super) BTreeMap<Pseudonym, Vec<u8>>);

impl SealedPeople {
    /// Pseudonyms and seals, in the order of the pseudonyms.
    pub fn iter(&self) -> impl Iterator<Item = (&Pseudonym, &[u8])> {
        self.0.iter().map(|(person, sealed)| (person, sealed.as_slice()))
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for SealedPeople {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealedPeople(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::super::keys::AgreementKeys;
    use super::*;

    fn keys(root: u8) -> AgreementKeys {
        AgreementKeys::known("a", 1, [root; 32])
    }

    #[test]
    fn a_seal_opens_for_its_own_person_and_key_alone() {
        let key = keys(1).vault_key("graduates");
        let person = |id: &str| keys(1).pseudonym_key("ssid").pseudonym([id]);
        let sealed = key.seal(&person("1"), ["0012345678", "JOSÉ"]).expect("sealed");
        assert_eq!(*key.open(&person("1"), &sealed).expect("opened"), ["0012345678", "JOSÉ"]);
        assert!(key.open(&person("2"), &sealed).is_err(), "moved to another person");
        assert!(keys(2).vault_key("graduates").open(&person("1"), &sealed).is_err(), "another key");
        assert!(keys(1).vault_key("enrollment").open(&person("1"), &sealed).is_err(), "another source");
        for place in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[place] ^= 1;
            assert!(key.open(&person("1"), &changed).is_err(), "byte {place} was changed");
        }
        assert!(!sealed.windows(10).any(|window| window == b"0012345678"));
        assert_eq!(format!("{key:?}"), "VaultKey(..)");
    }

    /// RFC 5297 gives vectors for AES-128-SIV; this one is of its appendix A.1, and shows that the library is the cipher
    /// that it says.
    #[test]
    fn the_cipher_is_that_of_rfc_5297() {
        use aes_siv::siv::Aes128Siv;
        let bytes = |text: &str| hex::decode(text).expect("hexadecimal digits");
        let key = bytes("fffefdfcfbfaf9f8f7f6f5f4f3f2f1f0f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff");
        let data = bytes("101112131415161718191a1b1c1d1e1f2021222324252627");
        let plain = bytes("112233445566778899aabbccddee");
        let sealed = Aes128Siv::new(key.as_slice().into()).encrypt([&data], &plain).expect("sealed");
        assert_eq!(hex::encode(sealed), "85632d07c6e8f37f950acd320a2ecc9340c02b9690c4dc04daef7f6afe5c");
    }
}
