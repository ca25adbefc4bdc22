//! Figures that are not hidden but changed: rounded, or given noise by the keys of their cells.

use serde_json::{Value, json};

use crate::disclosure::{self, CellKey, DisclosureError, Keys, Policy, Progress, PublicTable, Rounding, Table};
use crate::release::Method;

/// Changed tables and what came of it.
pub(super) struct Changed {
    /// The tables, of the same shape, to be printed whole.
    pub(super) tables: Vec<Table>,
    /// For the candidate's manifest and the run's report; numbers of figures, not of people.
    pub(super) report: Value,
}

/// Rounds all tables as one, beside earlier releases.
pub(super) fn round(
    tables: &[Table],
    (rounding, policy): (&Rounding, &Policy),
    earlier: &[PublicTable],
    progress: &mut dyn FnMut(Progress),
) -> Result<Changed, DisclosureError> {
    let rounded = disclosure::round_beside(tables, rounding, policy, earlier, progress)?;
    let report = json!({ "beyond_neighbouring_multiples": rounded.report.relaxed.len() });
    Ok(Changed { tables: rounded.tables, report })
}

/// Adds noise to all tables.
pub(super) fn perturb(
    tables: &[Table],
    keys: &[Keys],
    (rule, policy): (&CellKey, &Policy),
    progress: &mut dyn FnMut(Progress),
) -> Result<Changed, DisclosureError> {
    let perturbed = disclosure::perturb(tables, keys, rule, policy, progress)?;
    let (changed, narrowed) = (perturbed.report.changed, perturbed.report.narrowed.len());
    let report = json!({
        "changed": changed,
        "unequal_sums": perturbed.report.unequal_sums,
        "narrowed": narrowed,
    });
    Ok(Changed { tables: perturbed.tables, report })
}

/// What stewards read of it.
pub(super) fn report(tables: &[Table], method: &Method, changed: &Value, beside: &[Value]) -> Value {
    let figures: usize = tables.iter().map(|table| table.cell_count() * table.measures.len()).sum();
    json!({
        "passed": true,
        "method": method.name(),
        "guarantee": method.guarantee(),
        "cells": figures,
        "change": changed,
        "beside": beside,
        "without_certificate": method.without_certificate(),
    })
}
