//! Columns at fixed positions, counted in characters.

use super::{Fault, Kind, Span};
use crate::intake::layout::Place;

/// Where the fields stand.
pub(super) struct FixedWidth {
    record_length: usize,
    /// First character and the one behind the last, counted from 0, in the order of the contract's fields; none of a
    /// field that is not in this layout.
    fields: Vec<Option<(usize, usize)>>,
}

impl FixedWidth {
    /// For places that were found to be within the record.
    pub(super) fn new(record_length: usize, places: &[Place<'_>]) -> Self {
        let place = |place: &Place<'_>| match place {
            Place::Position { start, length } => Some((*start, *start + *length)),
            _ => None,
        };
        Self { record_length, fields: places.iter().map(place).collect() }
    }

    /// Finds the fields in a line's text, or says that it has another length.
    pub(super) fn place(&self, text: &str, spans: &mut Vec<Span>) -> Option<Fault> {
        spans.clear();
        if text.is_ascii() {
            if text.len() != self.record_length {
                return Some(self.wrong_length(text.len()));
            }
            spans.extend(self.fields.iter().map(|field| span(*field, |at| at)));
            return None;
        }
        let mut starts: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
        if starts.len() != self.record_length {
            return Some(self.wrong_length(starts.len()));
        }
        starts.push(text.len());
        spans.extend(self.fields.iter().map(|field| span(*field, |at| starts[at])));
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

fn span(field: Option<(usize, usize)>, byte: impl Fn(usize) -> usize) -> Span {
    field.map_or(Span { kind: Kind::Null, ..Span::default() }, |(start, end)| Span {
        start: byte(start) as u32,
        end: byte(end) as u32,
        kind: Kind::Plain,
    })
}
