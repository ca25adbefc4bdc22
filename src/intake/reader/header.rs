//! Which column of a delivery is which field of the contract.

use super::{Record, Span};
use crate::error::{Error, Result};
use crate::workspace::{Contract, ExtraColumns, Field, Format};

/// Which column of a delivery is which field.
pub(in crate::intake) struct Columns {
    /// The column of each field of the contract, counted from 0.
    pub(in crate::intake) of_field: Vec<usize>,
    /// Columns that each record must have; more are fine where `at_least`.
    count: usize,
    at_least: bool,
}

impl Columns {
    /// Finds the fields: by the names in the header, or by their order.
    ///
    /// # Errors
    /// `intake.no_header`, `intake.missing_column`, `intake.extra_column`, `intake.duplicate_column`, `intake.column_count`,
    /// `intake.record_length`: another layout than the contract's.
    pub(in crate::intake) fn find(contract: &Contract, first: &Record<'_>, path: &str) -> Result<Self> {
        match &contract.format {
            Format::Delimited { header: true, .. } => Self::by_name(contract, first, path),
            Format::Delimited { header: false, .. } => Self::by_order(contract, first, path),
            Format::FixedWidth { .. } => {
                if let Some(fault) = first.fault.as_ref().filter(|fault| fault.rule == "record_length") {
                    let said = format!("read extract {path}: in line {} {}", first.line, fault.reason);
                    return Err(Error::data("intake.record_length", said).with_hint(LAYOUT));
                }
                let count = contract.fields.len();
                Ok(Self { of_field: (0..count).collect(), count, at_least: false })
            }
        }
    }

    fn by_name(contract: &Contract, header: &Record<'_>, path: &str) -> Result<Self> {
        if let Some(fault) = &header.fault {
            let said = format!("read the header of extract {path}: {}", fault.reason);
            return Err(Error::data("intake.header", said).with_hint(LAYOUT));
        }
        let names: Vec<String> = header.spans.iter().map(|span| name(header, span)).collect();
        // A first line that names no column at all is likely a row, and a row is never quoted.
        if !names.iter().any(|name| known(contract, name)) {
            let said = format!("read extract {path}: its first line names none of the contract's columns");
            return Err(Error::data("intake.no_header", said).with_hint(LAYOUT));
        }
        for (at, name) in names.iter().enumerate() {
            if names[..at].contains(name) {
                let said = format!("read extract {path}: the header names column `{name}` twice");
                return Err(
                    Error::data("intake.duplicate_column", said).with_hint("ask the partner which of them counts")
                );
            }
        }
        let mut of_field = Vec::with_capacity(contract.fields.len());
        for field in &contract.fields {
            let wanted = column_name(field);
            match names.iter().position(|name| name == wanted) {
                Some(at) => of_field.push(at),
                None => return Err(missing(path, wanted, &names, contract)),
            }
        }
        if contract.extra_columns == ExtraColumns::Refuse
            && let Some(extra) = names.iter().find(|name| !known(contract, name))
        {
            return Err(extra_column(path, extra, contract));
        }
        Ok(Self { of_field, count: names.len(), at_least: false })
    }

    fn by_order(contract: &Contract, first: &Record<'_>, path: &str) -> Result<Self> {
        let count = contract.fields.len();
        let at_least = contract.extra_columns == ExtraColumns::Drop;
        let columns = Self { of_field: (0..count).collect(), count, at_least };
        if first.fault.is_none() && !columns.fits(first.spans.len()) {
            let said = format!(
                "read extract {path}: line {} has {} columns, and the contract has {count} fields",
                first.line,
                first.spans.len()
            );
            return Err(Error::data("intake.column_count", said).with_hint(LAYOUT));
        }
        Ok(columns)
    }

    /// Whether a record may have that many columns.
    pub(in crate::intake) fn fits(&self, found: usize) -> bool {
        found == self.count || (self.at_least && found > self.count)
    }

    /// What is wrong with a record of that many columns.
    pub(in crate::intake) fn misfit(&self, found: usize) -> String {
        format!("the record has {found} columns instead of {}", self.count)
    }
}

const LAYOUT: &str = "the layout has changed, or delimiter, length or encoding are others than the contract says; \
                      agree a new version of the contract with the partner";

/// The name of a field's column.
pub(in crate::intake) fn column_name(field: &Field) -> &str {
    field.column.as_deref().unwrap_or(&field.name)
}

fn name(header: &Record<'_>, span: &Span) -> String {
    let name = &header.text[span.start as usize..span.end as usize];
    if !span.escaped {
        return name.to_owned();
    }
    let quote = header.quote.to_string();
    name.replace(&quote.repeat(2), &quote)
}

fn known(contract: &Contract, name: &str) -> bool {
    contract.fields.iter().any(|field| column_name(field) == name)
}

fn missing(path: &str, wanted: &str, names: &[String], contract: &Contract) -> Error {
    let spare = names.iter().map(String::as_str).filter(|name| !known(contract, name));
    let hint = match nearest(wanted, spare) {
        Some(near) => format!("the header has `{near}`, which the contract does not know; is it the same?"),
        None => LAYOUT.to_owned(),
    };
    Error::data("intake.missing_column", format!("read extract {path}: column `{wanted}` is missing")).with_hint(hint)
}

fn extra_column(path: &str, extra: &str, contract: &Contract) -> Error {
    let hint = match nearest(extra, contract.fields.iter().map(column_name)) {
        Some(near) => format!("the contract's nearest column is `{near}`; add a field, or set `extra_columns: drop`"),
        None => "add a field to the contract, or set `extra_columns: drop`".to_owned(),
    };
    let said = format!("read extract {path}: column `{extra}` is not in the contract");
    Error::data("intake.extra_column", said).with_hint(hint)
}

fn nearest<'a>(wanted: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let folded = |name: &str| name.to_lowercase();
    let distance = |name: &str| strsim::normalized_damerau_levenshtein(&folded(wanted), &folded(name));
    let near = names.map(|name| (distance(name), name)).max_by(|a, b| a.0.total_cmp(&b.0))?;
    (near.0 >= 0.5).then_some(near.1)
}
