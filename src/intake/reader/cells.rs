//! Rows of formats whose cells have types: their text, and what kind of cell it stands in.

use super::{Kind, Span};

/// Whole numbers from here on may have lost digits: a spreadsheet keeps fifteen.
const EXACT: f64 = 1e15;

/// A row being put together: the cells' texts one after the other, a span each.
#[derive(Default)]
pub(in crate::intake) struct Cells {
    pub(in crate::intake) text: String,
    pub(in crate::intake) spans: Vec<Span>,
}

impl Cells {
    pub(super) fn clear(&mut self) {
        self.text.clear();
        self.spans.clear();
    }

    /// Adds a cell whose text `write` appends.
    pub(in crate::intake) fn add(&mut self, write: impl FnOnce(&mut String) -> Kind) {
        let start = self.text.len() as u32;
        let kind = write(&mut self.text);
        self.spans.push(Span { start, end: self.text.len() as u32, kind });
    }

    /// Adds empty cells up to `width`.
    pub(super) fn fill(&mut self, width: usize) {
        let end = self.text.len() as u32;
        while self.spans.len() < width {
            self.spans.push(Span { start: end, end, kind: Kind::Plain });
        }
    }
}

/// Appends a number without an exponent, whole ones without a point.
pub(super) fn push_float(value: f64, into: &mut String) -> Kind {
    use std::fmt::Write;
    if !value.is_finite() {
        return Kind::Fault;
    }
    // Writing to a string never fails.
    let _ = write!(into, "{value}");
    if value.fract() == 0.0 && value.abs() >= EXACT { Kind::Rounded } else { Kind::Number }
}
