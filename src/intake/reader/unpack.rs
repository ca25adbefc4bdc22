//! Compressed deliveries, unpacked piece by piece: however far a piece unpacks, only a small part of it is held at a time.

use std::io::Write;

use bzip2::{Decompress as Bunzip, Status as BunzipStatus};
use flate2::write::MultiGzDecoder;
use flate2::{Crc, Decompress as Inflate, FlushDecompress, Status};
use zstd::stream::raw::{Decoder as Unzstd, InBuffer, Operation, OutBuffer};

use crate::error::{Error, Result};
use crate::workspace::Compression;

/// Bytes of a gzip file that are unpacked at a time, so that a small piece that unpacks a thousandfold stays small.
const PIECE: usize = 8 << 10;
/// Bytes that are unpacked at a time where the codec lets us say.
const ROOM: usize = 128 << 10;
/// Bytes of the start that tell how a file is compressed.
const HEAD: usize = 10;

/// Takes unpacked bytes.
pub(super) type Sink<'s> = dyn FnMut(&[u8]) -> Result<()> + 's;

/// Unpacks what is pushed into it.
pub(in crate::intake) struct Unpack {
    path: String,
    declared: Compression,
    /// The file's start, until it is long enough to tell what it is; none behind that.
    head: Option<Vec<u8>>,
    codec: Codec,
    room: Vec<u8>,
}

enum Codec {
    None,
    Gzip(Box<MultiGzDecoder<Vec<u8>>>),
    Zstd { decoder: Box<Unzstd<'static>>, whole: bool },
    Bzip2 { decoder: Box<Bunzip>, whole: bool },
    Member(Box<Member>),
}

/// What a zip archive's directory says about one of its files.
#[derive(Clone, Copy, Debug)]
pub(in crate::intake) struct Sealed {
    pub(in crate::intake) deflated: bool,
    pub(in crate::intake) unpacked: u64,
    pub(in crate::intake) checksum: u32,
}

struct Member {
    sealed: Sealed,
    inflate: Option<Inflate>,
    ended: bool,
    crc: Crc,
    bytes: u64,
}

impl Unpack {
    /// # Errors
    /// None of a file that can be read.
    pub(in crate::intake) fn new(compression: Compression, workbook: bool, path: &str) -> Result<Self> {
        let codec = match compression {
            Compression::None | Compression::Zip => Codec::None,
            Compression::Gzip => Codec::Gzip(Box::new(MultiGzDecoder::new(Vec::new()))),
            Compression::Zstd => {
                let decoder = Unzstd::new().map_err(|error| damaged(path, compression, error))?;
                Codec::Zstd { decoder: Box::new(decoder), whole: true }
            }
            Compression::Bzip2 => Codec::Bzip2 { decoder: Box::new(Bunzip::new(false)), whole: true },
        };
        // A workbook is a zip archive itself.
        let head = (!workbook || compression != Compression::None).then(Vec::new);
        Ok(Self { path: path.to_owned(), declared: compression, head, codec, room: vec![0; ROOM] })
    }

    /// For one file of a zip archive.
    pub(in crate::intake) fn member(sealed: Sealed, path: &str) -> Self {
        let inflate = sealed.deflated.then(|| Inflate::new(false));
        let member = Member { sealed, inflate, ended: !sealed.deflated, crc: Crc::new(), bytes: 0 };
        let codec = Codec::Member(Box::new(member));
        Self { path: path.to_owned(), declared: Compression::Zip, head: None, codec, room: vec![0; ROOM] }
    }

    pub(in crate::intake) fn push(&mut self, bytes: &[u8], sink: &mut Sink<'_>) -> Result<()> {
        if let Some(head) = &mut self.head {
            head.extend_from_slice(bytes);
            if head.len() < HEAD {
                return Ok(());
            }
            let head = self.head.take().unwrap_or_default();
            self.recognise(&head)?;
            return self.unpack(&head, sink);
        }
        self.unpack(bytes, sink)
    }

    pub(in crate::intake) fn finish(&mut self, sink: &mut Sink<'_>) -> Result<()> {
        if let Some(head) = self.head.take() {
            if head.is_empty() {
                return Ok(());
            }
            self.recognise(&head)?;
            self.unpack(&head, sink)?;
        }
        match &mut self.codec {
            Codec::None => Ok(()),
            Codec::Gzip(decoder) => {
                decoder.try_finish().map_err(|error| damaged(&self.path, Compression::Gzip, error))?;
                let rest = std::mem::take(decoder.get_mut());
                sink(&rest)
            }
            Codec::Zstd { whole: true, .. } | Codec::Bzip2 { whole: true, .. } => Ok(()),
            Codec::Zstd { .. } | Codec::Bzip2 { .. } => Err(truncated(&self.path, self.declared)),
            Codec::Member(member) => {
                if !member.ended || member.bytes != member.sealed.unpacked {
                    return Err(truncated(&self.path, Compression::Zip));
                }
                if member.crc.sum() != member.sealed.checksum {
                    let error = std::io::Error::new(std::io::ErrorKind::InvalidData, "another checksum");
                    return Err(damaged(&self.path, Compression::Zip, error));
                }
                Ok(())
            }
        }
    }

    /// Compares what the file is with what the contract says.
    fn recognise(&self, head: &[u8]) -> Result<()> {
        let found = compression_of(head);
        if found == self.declared {
            return Ok(());
        }
        let said = match (self.declared, found) {
            (Compression::None, found) => {
                format!("it is {}, and the contract says that it is not compressed", name(found))
            }
            (declared, Compression::None) => {
                format!("it is not {}, and the contract says that it is", name(declared))
            }
            (declared, found) => format!("it is {}, and the contract says {}", name(found), name(declared)),
        };
        Err(Error::data("intake.compression", format!("read extract {}: {said}", self.path))
            .with_hint("correct `compression` in the contract, or ask the partner for the right file"))
    }

    fn unpack(&mut self, bytes: &[u8], sink: &mut Sink<'_>) -> Result<()> {
        let path = &self.path;
        match &mut self.codec {
            Codec::None => sink(bytes),
            Codec::Gzip(decoder) => {
                for piece in bytes.chunks(PIECE) {
                    decoder.write_all(piece).map_err(|error| damaged(path, Compression::Gzip, error))?;
                    sink(decoder.get_ref())?;
                    decoder.get_mut().clear();
                }
                Ok(())
            }
            Codec::Zstd { decoder, whole } => {
                let mut input = InBuffer::around(bytes);
                loop {
                    let mut output = OutBuffer::around(self.room.as_mut_slice());
                    let left = decoder
                        .run(&mut input, &mut output)
                        .map_err(|error| damaged(path, Compression::Zstd, error))?;
                    *whole = left == 0;
                    let written = output.pos();
                    sink(&self.room[..written])?;
                    if input.pos() == bytes.len() && written < ROOM {
                        return Ok(());
                    }
                }
            }
            Codec::Bzip2 { decoder, whole } => {
                let mut rest = bytes;
                loop {
                    if *whole {
                        if rest.is_empty() {
                            return Ok(());
                        }
                        **decoder = Bunzip::new(false);
                        *whole = false;
                    }
                    let (read, written) = (decoder.total_in(), decoder.total_out());
                    let status = decoder
                        .decompress(rest, &mut self.room)
                        .map_err(|error| damaged(path, Compression::Bzip2, error.into()))?;
                    *whole = matches!(status, BunzipStatus::StreamEnd);
                    let (read, written) = (decoder.total_in() - read, decoder.total_out() - written);
                    rest = &rest[read as usize..];
                    sink(&self.room[..written as usize])?;
                    if rest.is_empty() && (written as usize) < ROOM && !*whole {
                        return Ok(());
                    }
                }
            }
            Codec::Member(member) => member.unpack(bytes, &mut self.room, path, sink),
        }
    }
}

impl Member {
    fn unpack(&mut self, bytes: &[u8], room: &mut [u8], path: &str, sink: &mut Sink<'_>) -> Result<()> {
        let Some(inflate) = &mut self.inflate else { return self.taken(bytes, path, sink) };
        let mut rest = bytes;
        while !self.ended {
            let (read, written) = (inflate.total_in(), inflate.total_out());
            let status = inflate
                .decompress(rest, room, FlushDecompress::None)
                .map_err(|error| damaged(path, Compression::Zip, error.into()))?;
            let (read, written) = (inflate.total_in() - read, (inflate.total_out() - written) as usize);
            rest = &rest[read as usize..];
            self.ended = status == Status::StreamEnd;
            self.crc.update(&room[..written]);
            self.bytes += written as u64;
            if self.bytes > self.sealed.unpacked {
                return Err(lies(path));
            }
            sink(&room[..written])?;
            if rest.is_empty() && written < room.len() {
                break;
            }
        }
        Ok(())
    }

    fn taken(&mut self, bytes: &[u8], path: &str, sink: &mut Sink<'_>) -> Result<()> {
        self.crc.update(bytes);
        self.bytes += bytes.len() as u64;
        if self.bytes > self.sealed.unpacked {
            return Err(lies(path));
        }
        sink(bytes)
    }
}

/// How a file that starts so is compressed.
pub(in crate::intake) fn compression_of(head: &[u8]) -> Compression {
    let bzip2 = head.len() >= HEAD
        && head.starts_with(b"BZh")
        && head[3].is_ascii_digit()
        && [&b"\x31\x41\x59\x26\x53\x59"[..], b"\x17\x72\x45\x38\x50\x90"].contains(&&head[4..HEAD]);
    match head {
        [0x1f, 0x8b, ..] => Compression::Gzip,
        [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Compression::Zstd,
        [b'P', b'K', 3, 4, ..] | [b'P', b'K', 5, 6, ..] => Compression::Zip,
        _ if bzip2 => Compression::Bzip2,
        _ => Compression::None,
    }
}

fn name(compression: Compression) -> &'static str {
    match compression {
        Compression::None => "not compressed",
        Compression::Zip => "a zip archive",
        other => other.word(),
    }
}

fn truncated(path: &str, compression: Compression) -> Error {
    let said = format!("read extract {path}: the {} file is truncated: its end is missing", compression.word());
    Error::data("intake.truncated", said).with_hint(AGAIN)
}

fn lies(path: &str) -> Error {
    let said = format!("read extract {path}: it unpacks to more than the archive's directory says");
    Error::data("intake.damaged", said).with_hint(AGAIN)
}

fn damaged(path: &str, compression: Compression, error: std::io::Error) -> Error {
    if error.kind() == std::io::ErrorKind::UnexpectedEof {
        return truncated(path, compression).with_source(error);
    }
    let said = format!(
        "read extract {path}: the {} file is damaged or truncated: its checksum does not hold",
        compression.word()
    );
    Error::data("intake.damaged", said).with_source(error).with_hint(AGAIN)
}

const AGAIN: &str = "the transfer broke off or went wrong; ask the partner to deliver it again";
