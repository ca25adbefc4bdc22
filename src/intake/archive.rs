//! The directory of a zip archive: read from the archive's end, so that its files can be streamed one by one, in the
//! order of their names, and nothing is ever laid down anywhere.

use std::ops::Range;

use super::reader::Sealed;
use crate::error::{Error, Result};

/// The longest end of an archive: its last record with the longest comment, and the zip64 records before it.
pub(super) const LONGEST_END: u64 = (1 << 16) + 22 + 20;
/// The largest directory that is read, in bytes, and the most files.
const LARGEST_DIRECTORY: u64 = 16 << 20;
const MOST_FILES: u64 = 100_000;
/// A file's own header without its name and extra fields.
pub(super) const HEADER: u64 = 30;

/// A file of an archive.
#[derive(Clone, Debug)]
pub(super) struct Member {
    pub(super) name: String,
    pub(super) sealed: Sealed,
    /// Bytes that it takes in the archive, its header not counted.
    pub(super) packed: u64,
    /// Where its header starts.
    pub(super) offset: u64,
    encrypted: bool,
    method: u16,
}

/// Where the directory stands, or where that stands.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// The directory's bytes and the number of its files.
    Directory(Range<u64>, u64),
    /// The bytes of the zip64 record that knows.
    Zip64(Range<u64>),
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from(u16::from_le_bytes(bytes.get(at..at + 2)?.try_into().ok()?)))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?)))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(bytes.get(at..at + 8)?.try_into().ok()?))
}

/// Finds the directory from the end of the archive.
///
/// # Errors
/// `intake.archive`: it has no end, or one that can't be.
pub(super) fn locate(end: &[u8], size: u64, path: &str) -> Result<Place> {
    let no_end = || damaged(path, "its directory is missing: it is truncated, or no zip archive");
    let at = end.windows(22).enumerate().rev().find(|(at, window)| {
        window.starts_with(b"PK\x05\x06") && u16_at(window, 20) == Some((end.len() - at - 22) as u64)
    });
    let (at, last) = at.ok_or_else(no_end)?;
    let read = || Some((u16_at(last, 4)?, u16_at(last, 10)?, u32_at(last, 12)?, u32_at(last, 16)?));
    let (disk, files, length, start) = read().ok_or_else(no_end)?;
    if files == 0xffff || length == 0xffff_ffff || start == 0xffff_ffff {
        let locator = at.checked_sub(20).map(|at| &end[at..at + 20]).filter(|one| one.starts_with(b"PK\x06\x07"));
        let start = locator.and_then(|locator| u64_at(locator, 8)).ok_or_else(no_end)?;
        let stop = start.checked_add(56).filter(|stop| *stop <= size).ok_or_else(no_end)?;
        return Ok(Place::Zip64(start..stop));
    }
    if disk != 0 {
        return Err(damaged(path, "it is one of several volumes"));
    }
    directory(start, length, files, size, path)
}

/// The directory's place by the zip64 record.
///
/// # Errors
/// `intake.archive`.
pub(super) fn locate_zip64(record: &[u8], size: u64, path: &str) -> Result<Place> {
    let read = || {
        let known = record.starts_with(b"PK\x06\x06");
        known.then_some((u64_at(record, 48)?, u64_at(record, 40)?, u64_at(record, 32)?))
    };
    let (start, length, files) = read().ok_or_else(|| damaged(path, "its zip64 directory is damaged"))?;
    directory(start, length, files, size, path)
}

fn directory(start: u64, length: u64, files: u64, size: u64, path: &str) -> Result<Place> {
    if length > LARGEST_DIRECTORY || files > MOST_FILES {
        return Err(damaged(path, "its directory is larger than any that is read"));
    }
    let stop = start.checked_add(length).filter(|stop| *stop <= size);
    let stop = stop.ok_or_else(|| damaged(path, "its directory is damaged"))?;
    Ok(Place::Directory(start..stop, files))
}

/// The files that a directory lists, in the order of their names (numbers in names by their value).
///
/// # Errors
/// `intake.archive`: it is damaged, or files share bytes or a name.
pub(super) fn members(directory: &[u8], files: u64, path: &str) -> Result<Vec<Member>> {
    let mut members = Vec::new();
    let mut rest = directory;
    for _ in 0..files {
        let (member, length) = member(rest).ok_or_else(|| damaged(path, "its directory is damaged"))?;
        members.push(member);
        rest = &rest[length..];
    }
    members.sort_by_key(|one: &Member| one.offset);
    let apart =
        |pair: &[Member]| pair[0].offset.saturating_add(HEADER).saturating_add(pair[0].packed) <= pair[1].offset;
    if !members.windows(2).all(apart) {
        return Err(damaged(path, "two of its files share bytes"));
    }
    members.sort_by(|one, other| super::natural::natural(&one.name, &other.name));
    if members.windows(2).any(|pair| pair[0].name == pair[1].name) {
        return Err(damaged(path, "two of its files have one name"));
    }
    Ok(members)
}

fn member(entry: &[u8]) -> Option<(Member, usize)> {
    if !entry.starts_with(b"PK\x01\x02") {
        return None;
    }
    let (flags, method, checksum) = (u16_at(entry, 8)?, u16_at(entry, 10)?, u32_at(entry, 16)?);
    let (mut packed, mut unpacked, mut offset) = (u32_at(entry, 20)?, u32_at(entry, 24)?, u32_at(entry, 42)?);
    let (name, extra, comment) =
        (u16_at(entry, 28)? as usize, u16_at(entry, 30)? as usize, u16_at(entry, 32)? as usize);
    let mut fields = entry.get(46 + name..46 + name + extra)?;
    while fields.len() >= 4 {
        let (kind, length) = (u16_at(fields, 0)?, u16_at(fields, 2)? as usize);
        let field = fields.get(4..4 + length)?;
        if kind == 1 {
            let mut at = 0;
            for value in [&mut unpacked, &mut packed, &mut offset] {
                if *value == 0xffff_ffff {
                    *value = u64_at(field, at)?;
                    at += 8;
                }
            }
        }
        fields = &fields[4 + length..];
    }
    let length = 46 + name + extra + comment;
    let member = Member {
        name: String::from_utf8_lossy(&entry[46..46 + name]).into_owned(),
        sealed: Sealed { deflated: method == 8, unpacked, checksum: checksum as u32 },
        packed,
        offset,
        encrypted: flags & 0x2041 != 0,
        method: method as u16,
    };
    (entry.len() >= length).then_some((member, length))
}

impl Member {
    /// Whether it is a part of a delivery that can be read.
    ///
    /// # Errors
    /// `intake.archive`: it lies in a folder, is encrypted, or is packed by a method that is not read.
    pub(super) fn readable(&self, path: &str) -> Result<()> {
        let refused = |said: String, hint: &str| {
            Err(Error::data("intake.archive", format!("read extract {path}: {said}")).with_hint(hint))
        };
        let name = &self.name;
        if name.contains(['/', '\\', ':']) || name.starts_with('.') || name.chars().any(char::is_control) {
            let said = "one of its files lies in a folder, is hidden, or has a name with `:` or control characters";
            return refused(said.to_owned(), "ask the partner for an archive of files alone, without folders");
        }
        if self.encrypted {
            return refused(
                format!("`{name}` in it is encrypted"),
                "ask the partner for an archive without a password",
            );
        }
        if !matches!(self.method, 0 | 8) {
            let said = format!("`{name}` in it is packed by method {}, which is not read", self.method);
            return refused(said, "ask the partner for a plain zip archive (method deflate)");
        }
        Ok(())
    }

    /// Where its bytes stand, by its own header.
    ///
    /// # Errors
    /// `intake.archive`: the header is another file's.
    pub(super) fn content(&self, header: &[u8], path: &str) -> Result<Range<u64>> {
        let read = || {
            let own = header.starts_with(b"PK\x03\x04");
            own.then_some(HEADER + u16_at(header, 26)? + u16_at(header, 28)?)
        };
        let behind = read().ok_or_else(|| damaged(path, "the header of one of its files is damaged"))?;
        let start = self.offset.saturating_add(behind);
        Ok(start..start.saturating_add(self.packed))
    }
}

pub(super) fn damaged(path: &str, said: &str) -> Error {
    Error::data("intake.archive", format!("read extract {path}: {said}"))
        .with_hint("the transfer broke off or went wrong; ask the partner to deliver it again")
}
