//! A row against its contract: every field, then the rules that it can be judged by alone. The first that fails is the
//! reason.

use std::collections::BTreeMap;

use super::field::{self, Cell, FieldPlan, Misfit, Use};
use super::keys::KeyOfRow;
use super::layout::{Layout, column_name};
use super::reader::{Columns, Kind, Record, Span};
use super::references::{Asked, References};
use super::report::{FieldBook, RejectCount, WordCount};
use super::rules::{RowRules, Rules};
use crate::error::Result;
use crate::workspace::{Contract, Field, Ordered};

/// Why a row is rejected.
pub(super) struct Reject {
    /// The field that does not fit; none where the rule is about the whole row.
    pub(super) field: Option<usize>,
    pub(super) misfit: Misfit,
}

impl Reject {
    /// Says that it is about a correction.
    pub(super) fn of_correction(mut self) -> Self {
        self.misfit.reason = format!("its correction does not fit: {}", self.misfit.reason);
        self
    }

    /// The column that it is about, as the contract names it.
    pub(super) fn column<'c>(&self, contract: &'c Contract) -> Option<&'c str> {
        self.field.map(|at| column_name(&contract.fields[at]))
    }
}

/// Checks rows in their order: each by itself, then beside those before.
pub(super) struct Checker<'c> {
    rows: RowChecker<'c>,
    rules: Rules<'c>,
}

impl<'c> Checker<'c> {
    /// Of a contract that refers to no other one.
    pub(super) fn alone(contract: &'c Contract) -> Result<Self> {
        let mut references = References::default();
        let rows = RowChecker::new(contract, &references.asked(&contract.id))?;
        Ok(Self { rows, rules: Rules::new(contract, &mut references)? })
    }

    pub(super) fn check(
        &mut self,
        record: &Record<'_>,
        layout: &Layout<'_>,
        columns: &Columns,
    ) -> Result<std::result::Result<(), Reject>> {
        let alone = self.rows.check(record, layout, columns);
        if alone.is_err() {
            return Ok(alone);
        }
        Ok(self.rules.judge(&self.rows.keys)?.map_err(|misfit| Reject { field: None, misfit }))
    }
}

/// Checks rows each by itself, so that they may come in any order.
pub(super) struct RowChecker<'c> {
    fields: Vec<FieldPlan<'c>>,
    rules: RowRules<'c>,
    /// Fields that hold the meaning of another one's missing values, and that one.
    meanings: Vec<(usize, usize)>,
    /// The row at hand.
    pub(super) cells: Vec<Cell>,
    /// Texts of the row at hand that do not stand in its record as they are.
    pub(super) scratch: String,
    /// The keys of the row at hand, one for each rule over several rows.
    pub(super) keys: Vec<KeyOfRow>,
    /// What is counted where the row at hand is admitted.
    pub(super) uses: Vec<(usize, Use)>,
}

impl<'c> RowChecker<'c> {
    pub(super) fn new(contract: &'c Contract, asked: &Asked) -> Result<Self> {
        let place = |name: &String| contract.fields.iter().position(|field| field.name == *name);
        let meaning = |(at, field): (usize, &Field)| Some((at, place(field.meaning_of.as_ref()?)?));
        Ok(Self {
            meanings: contract.fields.iter().enumerate().filter_map(meaning).collect(),
            fields: contract.fields.iter().map(FieldPlan::new).collect::<Result<_>>()?,
            rules: RowRules::new(contract, asked)?,
            cells: Vec::with_capacity(contract.fields.len()),
            scratch: String::new(),
            keys: Vec::new(),
            uses: Vec::new(),
        })
    }

    /// How many keys each row has.
    pub(super) fn keys_of_a_row(&self) -> usize {
        self.rules.keys()
    }

    /// Checks a row. Where it fits, `cells` and `scratch` hold its values.
    pub(super) fn check(
        &mut self,
        record: &Record<'_>,
        layout: &Layout<'_>,
        columns: &Columns,
    ) -> std::result::Result<(), Reject> {
        let whole = |misfit| Reject { field: None, misfit };
        if let Some(fault) = &record.fault {
            return Err(whole(Misfit { rule: fault.rule, reason: fault.reason.clone() }));
        }
        if !columns.fits(record.spans.len()) {
            return Err(whole(Misfit { rule: "columns", reason: columns.misfit(record.spans.len()) }));
        }
        self.cells.clear();
        self.scratch.clear();
        self.keys.clear();
        self.uses.clear();
        for (at, (field, &column)) in self.fields.iter().zip(&columns.of_field).enumerate() {
            if field.spec.meaning_of.is_some() {
                self.cells.push(Cell::Missing);
                continue;
            }
            let uses = &mut self.uses;
            let span = column.map_or(Span { kind: Kind::Null, ..Span::default() }, |column| record.spans[column]);
            let picture = layout.pictures[at];
            let read = field.read(record.text, span, record.quote, picture, &mut self.scratch, &mut |one| {
                uses.push((at, one));
            });
            self.cells.push(read.map_err(|misfit| Reject { field: Some(at), misfit })?);
        }
        for &(at, of) in &self.meanings {
            let used = self.uses.iter().filter(|(field, _)| *field == of);
            let meaning = used.filter_map(|(_, one)| self.fields[of].meaning(*one)).next_back();
            if let (Cell::Missing, Some(meaning)) = (self.cells[of], meaning) {
                self.cells[at] = Cell::Text(field::append(&mut self.scratch, meaning));
            }
        }
        let scratch = &self.scratch;
        let checked = self.rules.check(&self.cells, |cell| text_of(cell, record.text, scratch), &mut self.keys);
        checked.map_err(|(field, misfit)| Reject { field, misfit })
    }
}

/// Counts of one field in admitted rows.
#[derive(Clone, Default)]
pub(super) struct FieldUses {
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

impl FieldUses {
    /// Nothing counted yet of each field.
    pub(super) fn of(contract: &Contract) -> Vec<Self> {
        let none = |field: &Field| Self {
            replaced: vec![0; field.replace.len()],
            missing: vec![0; field.missing.len()],
            ..Self::default()
        };
        contract.fields.iter().map(none).collect()
    }

    pub(super) fn count(&mut self, one: Use) -> &mut u64 {
        match one {
            Use::Trimmed => &mut self.trimmed,
            Use::Unwrapped => &mut self.unwrapped,
            Use::Stripped => &mut self.stripped,
            Use::Padded => &mut self.padded,
            Use::Replaced(word) => &mut self.replaced[word as usize],
            Use::MissingWord(word) => &mut self.missing[word as usize],
            Use::Blank => &mut self.blank,
            Use::Null => &mut self.null,
            Use::Placeholder => &mut self.placeholders,
        }
    }

    fn counts(&mut self) -> impl Iterator<Item = &mut u64> {
        let Self { trimmed, unwrapped, stripped, padded, replaced, missing, blank, null, placeholders } = self;
        let single = [trimmed, unwrapped, stripped, padded, blank, null, placeholders];
        single.into_iter().chain(replaced).chain(missing)
    }
}

/// What is counted of the rows of a source.
pub(super) struct Tally<'c> {
    contract: &'c Contract,
    uses: Vec<FieldUses>,
    rejects: BTreeMap<(&'static str, Option<&'c str>), u64>,
}

impl<'c> Tally<'c> {
    pub(super) fn new(contract: &'c Contract) -> Self {
        Self { contract, uses: FieldUses::of(contract), rejects: BTreeMap::new() }
    }

    /// Takes note of an admitted row.
    pub(super) fn admit(&mut self, uses: &[(usize, Use)]) {
        uses.iter().for_each(|&(field, one)| *self.uses[field].count(one) += 1);
    }

    /// Takes note of admitted rows that were counted elsewhere.
    pub(super) fn add(&mut self, mut uses: Vec<FieldUses>) {
        for (own, other) in self.uses.iter_mut().zip(&mut uses) {
            own.counts().zip(other.counts()).for_each(|(own, other)| *own += *other);
        }
    }

    /// Takes note of a rejected row and gives the column that it is rejected for.
    pub(super) fn reject(&mut self, reject: &Reject) -> Option<&'c str> {
        let column = reject.column(self.contract);
        *self.rejects.entry((reject.misfit.rule, column)).or_default() += 1;
        column
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
        let book = |(spec, uses): (&Field, &FieldUses)| FieldBook {
            field: spec.name.clone(),
            trimmed: uses.trimmed,
            unwrapped: uses.unwrapped,
            stripped: uses.stripped,
            padded: uses.padded,
            replaced: words(&spec.replace, &uses.replaced),
            missing: words(&spec.missing, &uses.missing),
            blank: uses.blank,
            null: uses.null,
            placeholders: uses.placeholders,
        };
        let empty = |book: &FieldBook| FieldBook { field: book.field.clone(), ..FieldBook::default() };
        self.contract.fields.iter().zip(&self.uses).map(book).filter(|book| *book != empty(book)).collect()
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
