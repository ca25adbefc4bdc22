//! A corrected file read by its contract: every row with its values, and whether the contract admits it.

use std::collections::VecDeque;

use super::batch::Batch;
use super::check::{Reject, RowChecker, Tally};
use super::delivery::Delivery;
use super::extract::{Intake, Way};
use super::layout::Layout;
use super::quarantine::Quarantine;
use super::reader::{Columns, Kind, Record, Span};
use super::references::References;
use super::resolution::{Correction, Resolutions, Value};
use super::rules::Rules;
use super::scan::{Progress, Spread};
use crate::error::{Error, Result};
use crate::storage::Store;
use crate::workspace::{Contract, Rule};

/// A row, and what its contract says of it.
pub struct Captured {
    /// Its first physical line, or its row, counted from 1.
    pub line: u64,
    pub(super) layout: String,
    pub(super) own: bool,
    /// By the contract's fields; none where it can't be taken apart.
    pub(super) values: Option<Vec<Value>>,
    /// Column, rule and reason, where it does not fit.
    pub(super) misfit: Option<(Option<String>, &'static str, String)>,
}

impl Captured {
    pub(super) fn new(
        record: &Record<'_>,
        layout: &Layout<'_>,
        columns: &Columns,
        contract: &Contract,
        reject: Option<&Reject>,
    ) -> Self {
        Self {
            line: record.line,
            layout: layout.name.to_owned(),
            own: layout.own,
            values: values(record, columns),
            misfit: reject.map(|reject| {
                (reject.column(contract).map(str::to_owned), reject.misfit.rule, reject.misfit.reason.clone())
            }),
        }
    }

    pub(super) fn correction(&self, layout: &Layout<'_>, contract: &Contract) -> Option<Correction> {
        self.values.clone().map(|values| Correction::new(layout, contract, values))
    }
}

/// The values of a record in the order of the contract's fields; none where it can't be taken apart.
pub(super) fn values(record: &Record<'_>, columns: &Columns) -> Option<Vec<Value>> {
    if record.fault.is_some() || !columns.fits(record.spans.len()) {
        return None;
    }
    let null = Span { kind: Kind::Null, ..Span::default() };
    let value = |column: &Option<usize>| {
        let span = column.map_or(null, |column| record.spans[column]);
        let text = &record.text[span.start as usize..span.end as usize];
        match span.kind {
            Kind::Escaped => {
                let quote = record.quote.to_string();
                Value { kind: Kind::Plain, text: text.replace(&quote.repeat(2), &quote) }
            }
            Kind::Null => Value { kind: Kind::Null, text: String::new() },
            kind => Value { kind, text: text.to_owned() },
        }
    };
    Some(columns.of_field.iter().map(value).collect())
}

/// The contract without what can be checked beside other sources only.
pub(super) fn alone(contract: &Contract) -> Contract {
    let mut alone = contract.clone();
    alone.rules.retain(|rule| !matches!(rule, Rule::Reference { .. }));
    alone
}

/// Reads a file in one of the contract's layouts. Rules over other sources are not checked.
///
/// # Errors
/// The file as a whole does not meet the contract (`intake.*`), or the storage's.
pub async fn capture(store: &Store, delivery: &Delivery, contract: &Contract) -> Result<Vec<Captured>> {
    let contract = alone(contract);
    let layouts = Layout::all(&contract)?;
    let mut references = References::default();
    let mut intake = Intake {
        source: "",
        contract: &contract,
        layouts: &layouts,
        rows: RowChecker::new(&contract, &references.asked(&contract.id))?,
        rules: Rules::new(&contract, &mut references)?,
        tally: Tally::new(&contract),
        batch: Batch::new(&contract, &[])?,
        spread: Spread::over(1),
        workers: None,
        // Who captures wants each row in its turn.
        start: &|| Err(Error::internal("intake.capture", "rows are captured one by one")),
        pending: VecDeque::new(),
        stopped: false,
        rejected: Vec::new(),
        resolutions: Resolutions::default(),
        captured: Some(Vec::new()),
        sink: &mut |_| Ok(()),
    };
    let at = Progress { bytes: 0, total_bytes: delivery.size };
    let mut quarantine = Quarantine::discard();
    let mut way = Way { store, quarantine: &mut quarantine, at, said: 0, progress: &|_| {} };
    intake.delivery(&mut way, delivery).await?;
    Ok(intake.captured.take().unwrap_or_default())
}

impl std::fmt::Debug for Captured {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Captured(line {}, ..)", self.line)
    }
}
