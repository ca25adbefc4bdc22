//! Checks of a published table from its own figures.

use std::collections::BTreeMap;

use super::files::{NOT_APPLICABLE, PUBLISHED, PublishedMeasure, PublishedTable, Role, SUPPRESSED};
use super::input::MeasureValues;
use super::method::Method;
use super::verify::Outcome;

/// A figure is there if and only if its status says `published`; a rate is not applicable only over a published zero.
pub(super) fn statuses_fit_figures(table: &PublishedTable) -> Outcome {
    let mut checked = 0_usize;
    for measure in &table.measures {
        let denominator = match &measure.book.role {
            Role::Rate { denominator, .. } => counts(table, denominator),
            _ => None,
        };
        for (row, status) in measure.statuses.iter().enumerate() {
            let fits = match status.as_str() {
                PUBLISHED => measure.values.is_shown(row),
                SUPPRESSED => !measure.values.is_shown(row),
                NOT_APPLICABLE => {
                    !measure.values.is_shown(row) && denominator.is_some_and(|counts| counts[row] == Some(0))
                }
                _ => false,
            };
            if !fits {
                return Err(format!("row {} of `{}` does not fit its status", row + 1, measure.book.name));
            }
            checked += 1;
        }
    }
    Ok(format!("{checked} figures fit their statuses"))
}

/// Figures are as the method makes them: none is hidden where figures are changed, and rounded ones are multiples of the base.
pub(super) fn figures_fit_method(table: &PublishedTable) -> Outcome {
    let method = &table.book.table.method;
    if method.is_suppression() {
        return Ok(method.name());
    }
    for measure in &table.measures {
        if measure.statuses.iter().any(|status| status == SUPPRESSED) {
            return Err(format!("`{}` hides figures, and {} hides none", measure.book.name, method.name()));
        }
        if let (Method::Rounding { base, .. }, MeasureValues::Counts(values)) = (method, &measure.values)
            && values.iter().flatten().any(|value| !value.unsigned_abs().is_multiple_of(*base))
        {
            return Err(format!("a figure of `{}` is no multiple of {base}", measure.book.name));
        }
    }
    Ok(format!("{}: {}", method.name(), method.guarantee()))
}

/// A published rate is its numerator divided by its denominator, in percent, rounded to its decimals; both are shown.
pub(super) fn rates_follow_from_counts(table: &PublishedTable) -> Outcome {
    let mut checked = 0_usize;
    for measure in &table.measures {
        let (Role::Rate { decimals, numerator, denominator }, MeasureValues::Rates(rates)) =
            (&measure.book.role, &measure.values)
        else {
            continue;
        };
        let (Some(numerators), Some(denominators)) = (counts(table, numerator), counts(table, denominator)) else {
            return Err(format!("`{}` names a count that is not there", measure.book.name));
        };
        for (row, rate) in rates.iter().enumerate().filter_map(|(row, rate)| rate.map(|rate| (row, rate))) {
            // Where a noisy numerator exceeds its denominator, the rate is cut.
            let numerator = match table.book.table.method.is_additive() {
                true => numerators[row],
                false => numerators[row].zip(denominators[row]).map(|(above, below)| above.min(below)),
            };
            if !follows(rate, *decimals, numerator, denominators[row]) {
                return Err(format!("row {} of `{}` does not follow from its counts", row + 1, measure.book.name));
            }
            checked += 1;
        }
    }
    Ok(format!("{checked} rates follow from their counts"))
}

/// Counts are far below 2^53, so that they are exact as floating-point numbers.
fn follows(rate: f64, decimals: u32, numerator: Option<i64>, denominator: Option<i64>) -> bool {
    let (Some(numerator), Some(denominator @ 1..)) = (numerator, denominator) else { return false };
    let exact = 100.0 * numerator as f64 / denominator as f64;
    (rate - exact).abs() <= 0.5 * 10_f64.powi(-(decimals.min(15) as i32)) + 1e-9
}

/// Wherever a total and all that it adds over are shown, they agree.
pub(super) fn totals_add_up(table: &PublishedTable) -> Outcome {
    if !table.book.table.method.is_additive() {
        return Ok("figures have noise of their own, so that totals are not sums".to_owned());
    }
    let mut checked = 0_usize;
    for measure in table.measures.iter().filter(|measure| measure.book.role == Role::Count) {
        for (column, book) in table.book.table.dimensions().enumerate() {
            if let Some(total) = &book.total {
                checked += add_up(table, measure, column, total)?;
            }
        }
    }
    Ok(format!("{checked} totals add up"))
}

/// A total and its parts: rows that differ in `column` only.
#[derive(Default)]
struct Group {
    total: Option<Option<i64>>,
    parts: Vec<Option<i64>>,
}

fn add_up(
    table: &PublishedTable,
    measure: &PublishedMeasure,
    column: usize,
    total: &str,
) -> std::result::Result<usize, String> {
    let MeasureValues::Counts(values) = &measure.values else { return Ok(0) };
    let mut groups: BTreeMap<Vec<&str>, Group> = BTreeMap::new();
    for (row, value) in values.iter().enumerate() {
        let mut key = table.key(row);
        let category = key.remove(column);
        let group = groups.entry(key).or_default();
        if category == total {
            group.total = Some(*value);
        } else {
            group.parts.push(*value);
        }
    }
    let mut checked = 0;
    for group in groups.values().filter(|group| !group.parts.is_empty()) {
        let sum: Option<i64> = group.parts.iter().copied().sum();
        if let (Some(Some(total)), Some(sum)) = (group.total, sum) {
            if total != sum {
                let column = &table.book.table.dimensions().nth(column).map_or("", |book| book.name.as_str());
                return Err(format!("a total of `{}` over `{column}` is not the sum of its parts", measure.book.name));
            }
            checked += 1;
        }
    }
    Ok(checked)
}

fn counts<'a>(table: &'a PublishedTable, name: &str) -> Option<&'a [Option<i64>]> {
    match &table.measure(name)?.values {
        MeasureValues::Counts(values) => Some(values),
        MeasureValues::Rates(_) => None,
    }
}
