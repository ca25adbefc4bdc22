//! Bytes that are kept encrypted for one recipient, with age.

use std::io::{self, Write};

use age::stream::StreamReader;
use age::x25519::{Identity, Recipient};

/// Encrypts bytes at once.
///
/// # Errors
/// age's.
pub(crate) fn seal(plain: &[u8], recipient: &Recipient) -> io::Result<Vec<u8>> {
    let recipients = std::iter::once(recipient as &dyn age::Recipient);
    let mut sealed = Vec::new();
    let encryptor = age::Encryptor::with_recipients(recipients).map_err(io::Error::other)?;
    let mut writer = encryptor.wrap_output(&mut sealed)?;
    writer.write_all(plain)?;
    writer.finish()?;
    Ok(sealed)
}

/// Decrypts bytes as they are read.
///
/// # Errors
/// They are for somebody else, or damaged; so may reading say.
pub(crate) fn unseal<'a>(sealed: &'a [u8], identity: &Identity) -> Result<StreamReader<&'a [u8]>, age::DecryptError> {
    age::Decryptor::new_buffered(sealed)?.decrypt(std::iter::once(identity as &dyn age::Identity))
}
