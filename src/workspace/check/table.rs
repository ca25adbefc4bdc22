//! A published table: its dimensions and measures.

use super::super::diagnose::Finding;
use super::super::document::{Document, step};
use super::super::{Measure, Pipeline, Table};
use super::{sql_name, unknown};

pub(super) fn check(document: &Document, pipeline: &Pipeline, name: &str, table: &Table) -> Vec<Finding> {
    let at = format!("/tables/{}", step(name));
    let mut findings = Vec::new();
    findings.extend(unknown(document, &format!("{at}/from"), "model", &table.from, pipeline.models.keys()));
    findings.extend(dimensions(document, &at, table));
    let mut earlier: Vec<(&str, Kind)> = Vec::new();
    for (name, measure) in table.measures.iter() {
        let pointer = format!("{at}/measures/{}", step(name));
        findings.extend(sql_name(document, &pointer, name));
        if table.dimensions.contains_key(name) {
            let span = document.locate_key(&pointer);
            findings.push(Finding::new(&document.source, span, format!("`{name}` is a dimension already")));
        }
        let kind = match kind(document, &pointer, name, measure) {
            Ok(kind) => kind,
            Err(finding) => {
                findings.push(*finding);
                continue;
            }
        };
        findings.extend(references(document, &pointer, measure, kind, &earlier));
        earlier.push((name, kind));
    }
    let counts = earlier.iter().filter(|(_, kind)| *kind == Kind::Count).count();
    if counts != 1 && findings.is_empty() {
        let span = document.locate_key(&format!("{at}/measures"));
        let finding =
            Finding::new(&document.source, span, format!("a table has one `count: true`, this one has {counts}"));
        findings.push(finding.help("the count is the whole of which other measures are parts"));
    }
    findings
}

fn dimensions(document: &Document, at: &str, table: &Table) -> Vec<Finding> {
    let mut findings = Vec::new();
    if table.dimensions.is_empty() {
        let span = document.locate_key(&format!("{at}/dimensions"));
        findings.push(Finding::new(&document.source, span, "a table has at least one dimension"));
    }
    for (column, dimension) in table.dimensions.iter() {
        let pointer = format!("{at}/dimensions/{}", step(column));
        findings.extend(sql_name(document, &pointer, column));
        let Some(dimension) = dimension else { continue };
        match &dimension.within {
            Some(above) if above == column => {
                findings.push(document.finding(&format!("{pointer}/within"), "a column can't be above itself"));
            }
            Some(above) if table.dimensions.contains_key(above) => {
                let finding =
                    document.finding(&format!("{pointer}/within"), format!("`{above}` is a dimension already"));
                findings
                    .push(finding.help(format!("remove the dimension `{above}`: its totals come with this hierarchy")));
            }
            None if dimension.subtotal.is_some() => {
                let span = document.locate_key(&format!("{pointer}/subtotal"));
                let finding = Finding::new(&document.source, span, "a subtotal needs a column above");
                findings.push(finding.help("add `within`, or write `total`"));
            }
            _ => {}
        }
    }
    findings
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Count,
    CountWhere,
    CountBy,
    Ratio,
}

fn kind(document: &Document, pointer: &str, name: &str, measure: &Measure) -> Result<Kind, Box<Finding>> {
    let here = |message: String| Box::new(Finding::new(&document.source, document.locate_key(pointer), message));
    let given = [
        (measure.count.is_some(), Kind::Count),
        (measure.count_where.is_some(), Kind::CountWhere),
        (measure.count_by.is_some(), Kind::CountBy),
        (measure.ratio.is_some(), Kind::Ratio),
    ];
    let mut given = given.into_iter().filter(|(given, _)| *given).map(|(_, kind)| kind);
    let (Some(kind), None) = (given.next(), given.next()) else {
        let message = format!("`{name}` must have exactly one of `count`, `count_where`, `count_by` and `ratio`");
        return Err(here(message));
    };
    if measure.count == Some(false) {
        let finding = document.finding(&format!("{pointer}/count"), format!("`{name}` counts nothing"));
        return Err(Box::new(finding.help("write `count: true`, or remove the measure")));
    }
    let part = matches!(kind, Kind::CountWhere | Kind::CountBy);
    for (given, key, fits) in
        [(measure.of.is_some(), "of", part), (measure.decimals.is_some(), "decimals", kind == Kind::Ratio)]
    {
        if given && !fits {
            let only = if key == "of" { "only `count_where` and `count_by` can" } else { "only a `ratio` can" };
            let span = document.locate_key(&format!("{pointer}/{key}"));
            let finding = Finding::new(&document.source, span, format!("`{name}` can't have `{key}`"));
            return Err(Box::new(finding.label(only)));
        }
    }
    Ok(kind)
}

/// `of` and `ratio` name counts that stand before them.
fn references(
    document: &Document,
    pointer: &str,
    measure: &Measure,
    kind: Kind,
    earlier: &[(&str, Kind)],
) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut named: Vec<(String, &str)> = measure.of.iter().map(|of| (format!("{pointer}/of"), of.as_str())).collect();
    if kind == Kind::Ratio {
        let parts = measure.ratio.iter().flatten().enumerate();
        named.extend(parts.map(|(at, part)| (format!("{pointer}/ratio/{at}"), part.as_str())));
        if let Some(decimals) = measure.decimals.filter(|decimals| *decimals > 6) {
            let finding = document
                .finding(&format!("{pointer}/decimals"), format!("a ratio has 6 decimals at most, not {decimals}"));
            findings.push(finding);
        }
    }
    for (pointer, name) in named {
        findings.extend(reference(document, &pointer, name, earlier));
    }
    findings
}

fn reference(document: &Document, pointer: &str, name: &str, earlier: &[(&str, Kind)]) -> Option<Finding> {
    // `count_by` makes a measure of each value, `MEASURE_VALUE`; the values are known when the data are.
    let of_values =
        |measure: &str| name.strip_prefix(measure).is_some_and(|rest| rest.len() > 1 && rest.starts_with('_'));
    match earlier.iter().find(|(measure, _)| *measure == name) {
        Some((_, Kind::Count | Kind::CountWhere)) => None,
        Some((_, Kind::CountBy)) => {
            let finding = document.finding(pointer, format!("`{name}` is several measures, one for each value"));
            Some(finding.help(format!("name one of them, such as `{name}_VALUE`, VALUE in small letters")))
        }
        Some((_, Kind::Ratio)) => Some(document.finding(pointer, format!("`{name}` is a ratio, not a count"))),
        None if earlier.iter().any(|(measure, kind)| *kind == Kind::CountBy && of_values(measure)) => None,
        None => {
            let counts = earlier.iter().filter(|(_, kind)| *kind != Kind::Ratio).map(|(measure, _)| *measure);
            unknown(document, pointer, "measure before this one", name, counts)
        }
    }
}
