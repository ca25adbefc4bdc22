//! A row against its contract: every field, then the rules over several rows. The first rule that fails is the reason.

use std::collections::BTreeMap;

use super::field::{Cell, FieldPlan, Misfit, Use};
use super::layout::Layout;
use super::reader::{Columns, Kind, Record, Span};
use super::references::References;
use super::report::{ConsistencyFinding, FieldBook, RejectCount, WordCount};
use super::rules::Rules;
use crate::error::Result;
use crate::workspace::{Contract, Ordered};

/// Why a row is rejected.
pub(super) struct Reject<'c> {
    pub(super) column: Option<&'c str>,
    pub(super) misfit: Misfit,
}

impl Reject<'_> {
    /// Says that it is about a correction.
    pub(super) fn of_correction(mut self) -> Self {
        self.misfit.reason = format!("its correction does not fit: {}", self.misfit.reason);
        self
    }
}

/// Checks the rows of a source.
pub(super) struct Checker<'c> {
    fields: Vec<FieldPlan<'c>>,
    rules: Rules<'c>,
    /// The row at hand.
    pub(super) cells: Vec<Cell>,
    /// Texts of the row at hand that do not stand in its record as they are.
    pub(super) scratch: String,
    uses: Vec<(usize, Use)>,
    books: Vec<Uses>,
    rejects: BTreeMap<(&'static str, Option<&'c str>), u64>,
}

/// Counts of one field.
#[derive(Clone, Default)]
struct Uses {
    trimmed: u64,
    unwrapped: u64,
    stripped: u64,
    padded: u64,
    replaced: Vec<u64>,
    missing: Vec<u64>,
    blank: u64,
    null: u64,
    placeholders: u64,
}

impl<'c> Checker<'c> {
    pub(super) fn new(contract: &'c Contract, references: &mut References) -> Result<Self> {
        let books = contract.fields.iter().map(|field| Uses {
            replaced: vec![0; field.replace.len()],
            missing: vec![0; field.missing.len()],
            ..Uses::default()
        });
        Ok(Self {
            fields: contract.fields.iter().map(FieldPlan::new).collect::<Result<_>>()?,
            rules: Rules::new(contract, references)?,
            cells: Vec::with_capacity(contract.fields.len()),
            scratch: String::new(),
            uses: Vec::new(),
            books: books.collect(),
            rejects: BTreeMap::new(),
        })
    }

    /// Checks a row. Where it is admitted, `cells` and `scratch` hold its values.
    pub(super) fn check(
        &mut self,
        record: &Record<'_>,
        layout: &Layout<'_>,
        columns: &Columns,
    ) -> std::result::Result<(), Reject<'c>> {
        let checked = self.row(record, layout, columns);
        match &checked {
            Ok(()) => self.note_uses(),
            Err(reject) => *self.rejects.entry((reject.misfit.rule, reject.column)).or_default() += 1,
        }
        checked
    }

    fn row(
        &mut self,
        record: &Record<'_>,
        layout: &Layout<'_>,
        columns: &Columns,
    ) -> std::result::Result<(), Reject<'c>> {
        let whole = |misfit| Reject { column: None, misfit };
        if let Some(fault) = &record.fault {
            return Err(whole(Misfit { rule: fault.rule, reason: fault.reason.clone() }));
        }
        if !columns.fits(record.spans.len()) {
            return Err(whole(Misfit { rule: "columns", reason: columns.misfit(record.spans.len()) }));
        }
        self.cells.clear();
        self.scratch.clear();
        self.uses.clear();
        for (at, (field, &column)) in self.fields.iter().zip(&columns.of_field).enumerate() {
            let uses = &mut self.uses;
            let span = column.map_or(Span { kind: Kind::Null, ..Span::default() }, |column| record.spans[column]);
            let picture = layout.pictures[at];
            let read = field.read(record.text, span, record.quote, picture, &mut self.scratch, &mut |one| {
                uses.push((at, one));
            });
            self.cells.push(read.map_err(|misfit| Reject { column: Some(field.column), misfit })?);
        }
        let scratch = &self.scratch;
        match self.rules.check(&self.cells, |cell| text_of(cell, record.text, scratch)) {
            Ok(()) => {
                self.rules.admit();
                Ok(())
            }
            Err((column, misfit)) => {
                if misfit.rule == "consistent" {
                    self.rules.reject();
                }
                Err(Reject { column, misfit })
            }
        }
    }

    fn note_uses(&mut self) {
        for &(at, one) in &self.uses {
            let book = &mut self.books[at];
            *match one {
                Use::Trimmed => &mut book.trimmed,
                Use::Unwrapped => &mut book.unwrapped,
                Use::Stripped => &mut book.stripped,
                Use::Padded => &mut book.padded,
                Use::Replaced(word) => &mut book.replaced[word as usize],
                Use::MissingWord(word) => &mut book.missing[word as usize],
                Use::Blank => &mut book.blank,
                Use::Null => &mut book.null,
                Use::Placeholder => &mut book.placeholders,
            } += 1;
        }
    }

    pub(super) fn rejects(&self) -> Vec<RejectCount> {
        let count = |(&(rule, column), &rows): (&(&str, Option<&str>), &u64)| RejectCount {
            rule: rule.to_owned(),
            column: column.map(str::to_owned),
            rows,
        };
        self.rejects.iter().map(count).collect()
    }

    pub(super) fn fields(&self) -> Vec<FieldBook> {
        let book = |(plan, uses): (&FieldPlan<'_>, &Uses)| FieldBook {
            field: plan.spec.name.clone(),
            trimmed: uses.trimmed,
            unwrapped: uses.unwrapped,
            stripped: uses.stripped,
            padded: uses.padded,
            replaced: words(&plan.spec.replace, &uses.replaced),
            missing: words(&plan.spec.missing, &uses.missing),
            blank: uses.blank,
            null: uses.null,
            placeholders: uses.placeholders,
        };
        let empty = |book: &FieldBook| FieldBook { field: book.field.clone(), ..FieldBook::default() };
        self.fields.iter().zip(&self.books).map(book).filter(|book| *book != empty(book)).collect()
    }

    /// The next delivery stands by itself: its rows are not compared with those before.
    pub(super) fn start_over(&mut self) {
        self.rules.start_over();
    }

    /// Hands back the keys that other sources refer to.
    pub(super) fn learned(&mut self, contract: &str, references: &mut References) {
        self.rules.learned(contract, references);
    }

    pub(super) fn findings(&self) -> Vec<ConsistencyFinding> {
        self.rules.findings()
    }
}

/// The text of a cell that is one.
pub(super) fn text_of<'t>(cell: Cell, record: &'t str, scratch: &'t str) -> &'t str {
    match cell {
        Cell::Text(place) => place.of(record, scratch),
        _ => "",
    }
}

fn words(known: &Ordered<String>, counts: &[u64]) -> Vec<WordCount> {
    let count = |((word, meaning), &values): ((&str, &String), &u64)| WordCount {
        word: word.to_owned(),
        meaning: meaning.clone(),
        values,
    };
    known.iter().zip(counts).filter(|(_, values)| **values > 0).map(count).collect()
}
