//! Columns at fixed positions, counted in characters.

use super::{Extent, Fault, Span};
use crate::error::{Error, Result};
use crate::workspace::Contract;

/// Where the fields stand.
pub(super) struct FixedWidth {
    record_length: usize,
    /// First character and the one behind the last, counted from 0, in the order of the contract's fields.
    fields: Vec<(usize, usize)>,
}

impl FixedWidth {
    pub(super) fn new(record_length: usize, contract: &Contract) -> Result<Self> {
        let place = |field: &crate::workspace::Field| {
            let position = field.position.filter(|position| {
                position.start > 0
                    && position.start.checked_add(position.length).is_some_and(|end| end <= record_length + 1)
            });
            position.map(|position| (position.start - 1, position.start - 1 + position.length)).ok_or_else(|| {
                let said =
                    format!("read contract {}: field {} has no position within the record", contract.id, field.name);
                Error::config("intake.position", said).with_hint("give it `position: { start: …, length: … }`")
            })
        };
        Ok(Self { record_length, fields: contract.fields.iter().map(place).collect::<Result<_>>()? })
    }

    /// The next line; none where its end is not in `bytes` yet. Lines end with LF, CRLF or CR.
    pub(super) fn next(&self, bytes: &[u8], end: bool) -> Option<Extent> {
        let content = bytes.iter().position(|&byte| byte == b'\n' || byte == b'\r');
        let (content, line_end) = match content {
            Some(at) if bytes[at] == b'\n' => (at, 1),
            Some(at) if bytes.get(at + 1) == Some(&b'\n') => (at, 2),
            Some(at) if at + 1 < bytes.len() || end => (at, 1),
            None if end && !bytes.is_empty() => (bytes.len(), 0),
            _ => return None,
        };
        Some(Extent { content, whole: content + line_end, lines: 1, fault: None })
    }

    /// Finds the fields in a line's text, or says that it has another length.
    pub(super) fn place(&self, text: &str, spans: &mut Vec<Span>) -> Option<Fault> {
        spans.clear();
        if text.is_ascii() {
            if text.len() != self.record_length {
                return Some(self.wrong_length(text.len()));
            }
            spans.extend(self.fields.iter().map(|&(start, end)| span(start, end)));
            return None;
        }
        let mut starts: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
        if starts.len() != self.record_length {
            return Some(self.wrong_length(starts.len()));
        }
        starts.push(text.len());
        spans.extend(self.fields.iter().map(|&(start, end)| span(starts[start], starts[end])));
        None
    }

    pub(super) fn blank(&self) -> Option<Fault> {
        Some(self.wrong_length(0))
    }

    fn wrong_length(&self, found: usize) -> Fault {
        let reason = format!("the line has {found} characters instead of {}", self.record_length);
        Fault { rule: "record_length", reason }
    }
}

fn span(start: usize, end: usize) -> Span {
    Span { start: start as u32, end: end as u32, escaped: false }
}
