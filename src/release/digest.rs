//! Digests.

use sha2::{Digest, Sha256};

/// SHA-256 in lower-case hexadecimal digits.
pub(crate) fn sha256_hex(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// Fields one after the other, each with its length in front, below a line that says what they are: no two different
/// lists of fields, and no two uses, give the same bytes.
pub(super) fn canonical(domain: &str, fields: &[&str]) -> Vec<u8> {
    let mut bytes = domain.as_bytes().to_vec();
    bytes.push(b'\n');
    for field in fields {
        bytes.extend_from_slice(&(field.len() as u64).to_be_bytes());
        bytes.extend_from_slice(field.as_bytes());
    }
    bytes
}

/// The digest that stewards sign: over the public files (through the digest of their `SHA256SUMS`) and over the
/// manifest. Two parts, so that whoever has only what is published can recompute it.
pub(super) fn candidate_digest(sums_digest: &str, manifest_digest: &str) -> String {
    sha256_hex(&canonical("accord candidate v1", &[sums_digest, manifest_digest]))
}
