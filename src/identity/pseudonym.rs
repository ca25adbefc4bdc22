//! Pseudonyms and link tokens: HMAC-SHA256 cut to 128 bits. None of them shows its value.
//!
//! Reference: truncation to the leftmost bits as in NIST SP 800-107, 5.1. That any two of 10⁷ people share a pseudonym by
//! chance has a probability of about 10⁻²⁵.

use std::fmt;

use zeroize::Zeroize;

/// Bytes of a pseudonym and of a link token.
pub(super) const WIDTH: usize = 16;

/// Who a row is about, under one agreement and epoch. 128 bits; without the key they say nothing about the person.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Zeroize)]
pub struct Pseudonym(pub(super) [u8; WIDTH]);

/// What a person's values for one link rule become; compared for equality, and gone after the identity step.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Zeroize)]
pub struct LinkToken(pub(super) [u8; WIDTH]);

impl Pseudonym {
    /// A pseudonym from 32 hexadecimal digits.
    #[must_use]
    pub fn from_hex(text: &str) -> Option<Self> {
        let mut bytes = [0; WIDTH];
        hex::decode_to_slice(text, &mut bytes).ok()?;
        Some(Self(bytes))
    }

    /// The 16 bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; WIDTH] {
        &self.0
    }
}

impl fmt::Debug for Pseudonym {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pseudonym(..)")
    }
}

impl fmt::Debug for LinkToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LinkToken(..)")
    }
}
