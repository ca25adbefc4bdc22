//! Quarantined rows read again, alone, under the contract as it is now.

use super::capture::{alone, values};
use super::check::Checker;
use super::field::Misfit;
use super::layout::Layout;
use super::quarantine::{ColumnsAre, Form, QuarantinedRow};
use super::reader::Raw;
use super::reader::{Cells, Columns, Kind, Record, TextReader};
use super::resolution::Value;
use crate::error::Result;
use crate::workspace::{Contract, Rule};

/// What a contract says of a quarantined row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is admitted.
    Fits,
    /// By itself it fits. It was rejected beside other rows, which only a run compares it with.
    Undecided,
    /// It does not fit.
    Misfit {
        /// The rule.
        rule: String,
        /// The column whose value does not fit; none where the rule is about the whole row.
        column: Option<String>,
    },
}

/// Reads quarantined rows again, in their order. Rules over several rows are checked among these rows alone.
///
/// # Errors
/// The contract can't be checked with.
pub fn replay(contract: &Contract, rows: &[QuarantinedRow]) -> Result<Vec<Verdict>> {
    let alone = alone(contract);
    let layouts = Layout::all(&alone)?;
    let mut checker = Checker::alone(&alone)?;
    let mut verdicts = Vec::with_capacity(rows.len());
    for row in rows {
        let mut failed = None;
        let checked = again(row, &alone, &layouts, &mut |record, layout, columns| {
            let checked = checker.check(record, layout, columns).unwrap_or_else(|error| {
                failed = Some(error);
                Ok(())
            });
            checked.err().map(|reject| (reject.misfit.rule, reject.column(&alone)))
        });
        if let Some(error) = failed {
            return Err(error);
        }
        verdicts.push(match checked {
            Ok(None) if compares(contract, &row.rule) => Verdict::Undecided,
            Ok(None) => Verdict::Fits,
            Ok(Some((rule, column))) => Verdict::Misfit { rule: rule.to_owned(), column: column.map(str::to_owned) },
            Err(misfit) => Verdict::Misfit { rule: misfit.rule.to_owned(), column: None },
        });
    }
    Ok(verdicts)
}

/// The values of a quarantined row by the contract's fields; none where it can't be taken apart.
pub(super) fn values_of(row: &QuarantinedRow, contract: &Contract, layouts: &[Layout<'_>]) -> Option<Vec<Value>> {
    again(row, contract, layouts, &mut |record, _, columns| values(record, columns)).ok().flatten()
}

/// Whether the contract has a rule over several rows that may have rejected a row by that name.
fn compares(contract: &Contract, rule: &str) -> bool {
    let has = |wanted: fn(&Rule) -> bool| contract.rules.iter().any(wanted);
    match rule {
        "duplicate" | "conflict" => {
            contract.fields.iter().any(|field| field.unique) || has(|rule| matches!(rule, Rule::Unique { .. }))
        }
        "consistent" => has(|rule| matches!(rule, Rule::Consistent { .. })),
        "reference" => has(|rule| matches!(rule, Rule::Reference { .. })),
        _ => false,
    }
}

/// Hands on a quarantined row as its layout reads it now, or says why it can't.
fn again<T>(
    row: &QuarantinedRow,
    contract: &Contract,
    layouts: &[Layout<'_>],
    take: &mut dyn FnMut(&Record<'_>, &Layout<'_>, &Columns) -> T,
) -> std::result::Result<T, Misfit> {
    let wrong = |rule, reason: &str| Misfit { rule, reason: reason.to_owned() };
    let (Some(origin), Some(form)) = (&row.origin, row.form) else {
        return Err(wrong("layout", "an earlier version rejected it; run again"));
    };
    let layout = origin.layout_of(layouts).ok_or_else(|| wrong("layout", "the contract has its layout no more"))?;
    let columns = match &origin.columns {
        ColumnsAre::Fields(fields) => {
            let at = contract.fields.iter().map(|field| fields.iter().position(|name| *name == field.name));
            Ok(Columns::of_places(at.collect(), fields.len(), false))
        }
        ColumnsAre::Named(names) if layout.format.names_columns() => Columns::by_name(layout, names, ""),
        _ if form == Form::Text && !matches!(layout.format, crate::workspace::Format::Delimited { .. }) => {
            Ok(Columns::in_order(contract.fields.len()))
        }
        _ => Ok(Columns::by_order(layout)),
    };
    let columns = columns.map_err(|_| wrong("layout", "its columns are not those of its layout any more"))?;
    let mut taken = None;
    let mut records = 0;
    let mut each = |record: &Record<'_>| {
        records += 1;
        taken = Some(take(record, layout, &columns));
        Ok(())
    };
    let read = match form {
        Form::Text if layout.format.is_text() => TextReader::again(layout, &row.record, row.line, &mut each).is_ok(),
        Form::Cells if !layout.format.is_text() => cells(row).is_some_and(|cells| {
            let (text, spans) = (cells.text.as_str(), cells.spans.as_slice());
            each(&Record { line: row.line, raw: Raw::Cells, text, spans, quote: '"', fault: None }).is_ok()
        }),
        _ => false,
    };
    taken.filter(|_| read && records == 1).ok_or_else(|| wrong("layout", "it is no row of its layout any more"))
}

/// The cells of a row that is kept as such.
fn cells(row: &QuarantinedRow) -> Option<Cells> {
    let texts: Vec<Option<String>> = serde_json::from_slice(&row.record).ok()?;
    let kinds: Vec<Kind> = row.kinds.chars().map(Kind::of_letter).collect::<Option<_>>()?;
    let mut cells = Cells::default();
    for (text, kind) in texts.iter().zip(&kinds) {
        cells.add(|into| {
            into.push_str(text.as_deref().unwrap_or_default());
            *kind
        });
    }
    (texts.len() == kinds.len()).then_some(cells)
}
