//! UTF-16 made UTF-8 before records are looked for: its byte order mark says which half of a character comes first.

use super::encoding::wrong;
use crate::error::Result;
use crate::workspace::Encoding;

/// Turns UTF-16 into UTF-8, piece by piece.
pub(super) struct Utf16 {
    /// Whether the higher byte comes first; none before the mark.
    big_endian: Option<bool>,
    /// The first byte of a code unit whose second has not come yet.
    half: Option<u8>,
    /// The first code unit of a pair.
    high: Option<u16>,
    line: u64,
}

impl Utf16 {
    pub(super) fn new() -> Self {
        Self { big_endian: None, half: None, high: None, line: 1 }
    }

    /// Appends what `bytes` hold.
    pub(super) fn push(&mut self, bytes: &[u8], into: &mut Vec<u8>, path: &str) -> Result<()> {
        let mut bytes = bytes.iter().copied();
        let mut first = self.half.take().or_else(|| bytes.next());
        while let Some(one) = first {
            let Some(two) = bytes.next() else {
                self.half = Some(one);
                return Ok(());
            };
            match self.big_endian {
                Some(true) => self.unit(u16::from_be_bytes([one, two]), into, path)?,
                Some(false) => self.unit(u16::from_le_bytes([one, two]), into, path)?,
                None => match [one, two] {
                    [0xff, 0xfe] => self.big_endian = Some(false),
                    [0xfe, 0xff] => self.big_endian = Some(true),
                    _ => return Err(wrong(path, "it starts with no UTF-16 byte order mark", Encoding::Utf16)),
                },
            }
            first = bytes.next();
        }
        Ok(())
    }

    fn unit(&mut self, unit: u16, into: &mut Vec<u8>, path: &str) -> Result<()> {
        let character = match (self.high.take(), unit) {
            (None, 0xd800..=0xdbff) => {
                self.high = Some(unit);
                return Ok(());
            }
            (None, 1..) => char::from_u32(u32::from(unit)),
            (Some(high), 0xdc00..=0xdfff) => {
                char::from_u32(0x10000 + (u32::from(high - 0xd800) << 10) + u32::from(unit - 0xdc00))
            }
            _ => None,
        };
        let Some(character) = character else {
            return Err(wrong(path, &format!("line {} is not UTF-16", self.line), Encoding::Utf16));
        };
        self.line += u64::from(character == '\n');
        into.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
        Ok(())
    }

    /// Says whether the file ended in the middle of a character.
    pub(super) fn finish(&self, path: &str) -> Result<()> {
        if self.half.is_some() || self.high.is_some() {
            return Err(wrong(path, "it ends in the middle of a UTF-16 character", Encoding::Utf16));
        }
        Ok(())
    }
}
