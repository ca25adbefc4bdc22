//! Arrow IPC, as a file or as a stream: its messages come one after the other, so that a file is read as the stream in it.

use arrow::buffer::Buffer;
use arrow::ipc::reader::StreamDecoder;
use arrow::ipc::root_as_message;

use super::Each;
use super::columnar;
use super::guard::guarded;
use super::header::Columns;
use crate::error::{Error, Result};
use crate::intake::layout::Layout;

/// What a file starts with, filled up with zeros.
const FILE: &[u8] = b"ARROW1\0\0";
const CONTINUES: [u8; 4] = [0xff; 4];
/// The largest message that is read, in bytes: a batch is held as a whole.
const LARGEST_MESSAGE: usize = 256 << 20;

/// Reads one delivery that is pushed into it piece by piece.
pub(super) struct ArrowReader {
    path: String,
    buffer: Vec<u8>,
    decoder: StreamDecoder,
    names: Option<Vec<String>>,
    of_field: Option<Vec<Option<usize>>>,
    row: u64,
    /// Bytes without which the message at hand is not whole, as far as they are known.
    needed: usize,
    started: bool,
    ended: bool,
}

impl ArrowReader {
    pub(super) fn new(path: &str) -> Self {
        Self {
            path: path.to_owned(),
            buffer: Vec::new(),
            decoder: StreamDecoder::new(),
            names: None,
            of_field: None,
            row: 0,
            needed: 0,
            started: false,
            ended: false,
        }
    }

    /// The names of its columns, once they are known.
    pub(super) fn names(&self) -> Option<&[String]> {
        self.names.as_deref()
    }

    pub(super) fn push(&mut self, layout: &Layout<'_>, bytes: &[u8], each: &mut Each<'_>) -> Result<()> {
        if self.ended {
            // A file's footer.
            return Ok(());
        }
        self.buffer.extend_from_slice(bytes);
        if !self.started {
            if self.buffer.len() < FILE.len() {
                return Ok(());
            }
            self.started = true;
            if self.buffer.starts_with(FILE) {
                self.buffer.drain(..FILE.len());
            }
        }
        let mut at = 0;
        // A file's first message stands at a multiple of its alignment.
        while self.of_field.is_none() && self.buffer[at..].starts_with(&[0; 8]) {
            at += 8;
        }
        while let Some(length) = self.message(at)? {
            let message = self.buffer[at..at + length].to_vec();
            at += length;
            self.decode(layout, message, each)?;
        }
        self.buffer.drain(..at.min(self.buffer.len()));
        Ok(())
    }

    /// The length of the message that starts at `at`, none where it is not whole yet or there is none any more.
    fn message(&mut self, at: usize) -> Result<Option<usize>> {
        let rest = &self.buffer[at..];
        if self.ended || rest.len() < 8 || rest.len() < self.needed {
            return Ok(None);
        }
        // Files of before 2019 have no marker before the length.
        let prefix = if rest[..4] == CONTINUES { 4 } else { 0 };
        let length = u32::from_le_bytes([0, 1, 2, 3].map(|at| rest[prefix + at])) as usize;
        if length == 0 {
            self.ended = true;
            self.buffer = Vec::new();
            return Ok(None);
        }
        let body = prefix + 4 + length;
        self.within(body)?;
        let Some(metadata) = rest.get(prefix + 4..body) else {
            self.needed = body;
            return Ok(None);
        };
        let message = root_as_message(metadata).map_err(|_| columnar::damaged(&self.path))?;
        let whole = usize::try_from(message.bodyLength()).ok().and_then(|length| body.checked_add(length));
        let whole = whole.unwrap_or(usize::MAX);
        self.within(whole)?;
        self.needed = if rest.len() >= whole { 0 } else { whole };
        Ok((self.needed == 0).then_some(whole))
    }

    fn within(&self, length: usize) -> Result<()> {
        if length <= LARGEST_MESSAGE {
            return Ok(());
        }
        let said = format!("read extract {}: it has a batch larger than {} MiB", self.path, LARGEST_MESSAGE >> 20);
        Err(Error::data("intake.batch_too_large", said)
            .with_hint("ask the partner to write smaller batches, or for the right format"))
    }

    fn decode(&mut self, layout: &Layout<'_>, message: Vec<u8>, each: &mut Each<'_>) -> Result<()> {
        let mut buffer = Buffer::from(message);
        let decoder = &mut self.decoder;
        let batch = guarded(|| decoder.decode(&mut buffer)).and_then(std::result::Result::ok);
        let batch = batch.ok_or_else(|| columnar::damaged(&self.path))?;
        let of_field = match &self.of_field {
            Some(of_field) => of_field,
            None => {
                let Some(schema) = self.decoder.schema() else { return Ok(()) };
                let names: Vec<String> = schema.fields().iter().map(|field| field.name().clone()).collect();
                let names = self.names.insert(names);
                self.of_field.insert(Columns::by_name(layout, names, &self.path)?.of_field)
            }
        };
        let Some(batch) = batch else { return Ok(()) };
        columnar::rows(&batch, of_field, &mut self.row, &self.path, each)
    }

    pub(super) fn finish(&self) -> Result<()> {
        if self.ended || self.buffer.is_empty() {
            return Ok(());
        }
        let said = format!("read extract {}: the file is truncated: its end is missing", self.path);
        Err(Error::data("intake.truncated", said)
            .with_hint("the transfer broke off or went wrong; ask the partner to deliver it again"))
    }
}
