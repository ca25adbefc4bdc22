//! Compressed deliveries.

use std::io::Write;

use flate2::write::MultiGzDecoder;

use crate::error::{Error, Result};
use crate::workspace::Compression;

/// Bytes that are unpacked at a time, so that a small piece that unpacks a thousandfold stays small.
const PIECE: usize = 8 << 10;
const MAGIC: [u8; 2] = [0x1f, 0x8b];

/// Unpacks what is pushed into it.
pub(super) enum Unpack {
    None { checked: usize },
    Gzip { decoder: Box<MultiGzDecoder<Vec<u8>>>, checked: usize },
}

impl Unpack {
    pub(super) fn new(compression: Compression) -> Self {
        match compression {
            Compression::None => Self::None { checked: 0 },
            Compression::Gzip => Self::Gzip { decoder: Box::new(MultiGzDecoder::new(Vec::new())), checked: 0 },
        }
    }

    /// How many bytes to push at a time.
    pub(super) fn piece(&self) -> usize {
        match self {
            Self::None { .. } => 256 << 10,
            Self::Gzip { .. } => PIECE,
        }
    }

    pub(super) fn push(&mut self, bytes: &[u8], into: &mut Vec<u8>, path: &str) -> Result<()> {
        match self {
            Self::None { checked } => {
                into.extend_from_slice(bytes);
                if *checked < MAGIC.len() {
                    *checked += bytes.len();
                    if into.starts_with(&MAGIC) {
                        return Err(declared(path, "it is gzip, and the contract says that it is not compressed"));
                    }
                }
                Ok(())
            }
            Self::Gzip { decoder, checked } => {
                if bytes.iter().zip(MAGIC.iter().skip(*checked)).any(|(byte, magic)| byte != magic) {
                    return Err(declared(path, "it is not gzip, and the contract says that it is"));
                }
                *checked += bytes.len();
                decoder.write_all(bytes).map_err(|error| damaged(path, error))?;
                into.append(decoder.get_mut());
                Ok(())
            }
        }
    }

    pub(super) fn finish(&mut self, into: &mut Vec<u8>, path: &str) -> Result<()> {
        if let Self::Gzip { decoder, checked } = self
            && *checked > 0
        {
            decoder.try_finish().map_err(|error| damaged(path, error))?;
            into.append(decoder.get_mut());
        }
        Ok(())
    }
}

fn declared(path: &str, said: &str) -> Error {
    Error::data("intake.compression", format!("read extract {path}: {said}"))
        .with_hint("correct `compression` in the contract, or ask the partner for the right file")
}

fn damaged(path: &str, error: std::io::Error) -> Error {
    let (code, said) = if error.kind() == std::io::ErrorKind::UnexpectedEof {
        ("intake.truncated", "the gzip file is truncated: its end is missing")
    } else {
        ("intake.damaged", "the gzip file is damaged or truncated: its checksum does not hold")
    };
    Error::data(code, format!("read extract {path}: {said}"))
        .with_source(error)
        .with_hint("the transfer broke off or went wrong; ask the partner to deliver it again")
}
