//! `SHA256SUMS`, as `sha256sum --check` reads it.

use bytes::Bytes;

use super::File;
use crate::release::digest::sha256_hex;

/// The file's name.
pub(in crate::release) const SUMS: &str = "SHA256SUMS";

pub(super) fn write_sums(files: &[File]) -> Bytes {
    let line = |file: &File| format!("{}  {}\n", sha256_hex(&file.bytes), file.name);
    Bytes::from(files.iter().map(line).collect::<String>())
}

/// Digests with the names of their files; `None` where the text is something else.
pub(in crate::release) fn parse_sums(bytes: &[u8]) -> Option<Vec<(String, String)>> {
    let text = std::str::from_utf8(bytes).ok()?;
    text.lines()
        .map(|line| {
            let (digest, name) = line.split_once("  ")?;
            let whole = digest.len() == 64 && digest.bytes().all(|b| b.is_ascii_hexdigit());
            (whole && !name.is_empty() && !name.contains('/')).then(|| (digest.to_owned(), name.to_owned()))
        })
        .collect()
}
