//! One contract: layout, fields, rules.

use std::collections::BTreeSet;

use super::super::diagnose::Finding;
use super::super::document::Document;
use super::super::load::Files;
use super::super::{Clean, Contract, Field, LogicalType, Normaliser, PlaceholderAction};
use super::{delivery, layout, repeated, rule, sql_name, unknown};

pub(super) fn check(document: &Document, contract: &Contract, files: Option<&Files>) -> Vec<Finding> {
    let mut findings = Vec::new();
    if contract.fields.is_empty() {
        findings.push(document.finding("/fields", "a contract has at least one field"));
    }
    findings.extend(names(document, contract));
    for (at, field) in contract.fields.iter().enumerate() {
        findings.extend(of_type(document, at, field));
        findings.extend(codes(document, at, field));
        findings.extend(meaning(document, contract, at, field));
    }
    findings.extend(layout::check(document, contract));
    findings.extend(person(document, contract));
    findings.extend(rule::check(document, contract, files));
    findings.extend(delivery::of_contract(document, contract));
    findings
}

fn names(document: &Document, contract: &Contract) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut seen = BTreeSet::new();
    let mut columns = BTreeSet::new();
    for (at, field) in contract.fields.iter().enumerate() {
        let pointer = format!("/fields/{at}/name");
        findings.extend(sql_name(document, &pointer, &field.name));
        if field.name == "person" {
            let finding = document.finding(&pointer, "no field can be named `person`");
            findings.push(finding.label("the name of the pseudonym's column"));
        }
        if !seen.insert(&field.name) {
            findings.push(document.finding(&pointer, format!("there are two fields `{}`", field.name)));
        }
        let column = (field.column.as_ref().unwrap_or(&field.name), field.occurrence);
        if !columns.insert(column) && field.column.is_some() {
            let pointer = format!("/fields/{at}/column");
            findings.push(document.finding(&pointer, format!("two fields read the column `{}`", column.0)));
        }
    }
    findings
}

/// What only fields of some types may have.
fn of_type(document: &Document, at: usize, field: &Field) -> Vec<Finding> {
    let kind = field.logical_type;
    let number = matches!(kind, LogicalType::Integer | LogicalType::Number | LogicalType::Decimal);
    let ranged = number || kind == LogicalType::Date;
    let fraction = matches!(kind, LogicalType::Number | LogicalType::Decimal);
    let misplaced = [
        (!field.date_formats.is_empty() && kind != LogicalType::Date, "date_formats", "a date"),
        (field.boolean_words.is_some() && kind != LogicalType::Boolean, "boolean_words", "a boolean"),
        (field.implied_decimals.is_some() && !fraction, "implied_decimals", "a number"),
        (field.minimum.is_some() && !ranged, "minimum", "a number or a date"),
        (field.maximum.is_some() && !ranged, "maximum", "a number or a date"),
        (field.precision.is_some() && kind != LogicalType::Decimal, "precision", "a decimal"),
        (field.scale.is_some() && kind != LogicalType::Decimal, "scale", "a decimal"),
        (field.length.is_some() && kind != LogicalType::String, "length", "text"),
        (field.pattern.is_some() && kind != LogicalType::String, "pattern", "text"),
        (field.check_digit.is_some() && kind != LogicalType::String, "check_digit", "text"),
        (field.normalise == Some(Normaliser::Date) && kind != LogicalType::Date, "normalise", "a date"),
    ];
    let mut findings: Vec<Finding> = misplaced
        .into_iter()
        .filter(|(wrong, ..)| *wrong)
        .map(|(_, key, fit)| {
            let span = document.locate_key(&format!("/fields/{at}/{key}"));
            Finding::new(&document.source, span, format!("`{}` can't have `{key}`", field.name))
                .label(format!("only {fit} can"))
        })
        .collect();
    if kind == LogicalType::Date && field.date_formats.is_empty() {
        let finding = document.finding(&format!("/fields/{at}/type"), format!("`{}` has no date format", field.name));
        findings.push(finding.help("add date_formats: [YYYYMMDD], or another of the formats"));
    }
    if kind == LogicalType::Decimal {
        findings.extend(decimal(document, at, field));
    }
    if ranged {
        findings.extend(range(document, at, field));
    }
    findings.extend(text(document, at, field));
    findings
}

fn decimal(document: &Document, at: usize, field: &Field) -> Option<Finding> {
    let at = format!("/fields/{at}");
    match (field.precision, field.scale) {
        (Some(precision @ 1..=38), Some(scale)) if scale > precision => {
            let message = format!("`{}` has more digits behind the point than digits", field.name);
            Some(document.finding(&format!("{at}/scale"), message))
        }
        (Some(1..=38), Some(_)) => None,
        (Some(_), Some(_)) => Some(document.finding(&format!("{at}/precision"), "a decimal has 1 to 38 digits")),
        _ => {
            let finding = document.finding(&format!("{at}/type"), format!("`{}` says not how long it is", field.name));
            Some(finding.help("add `precision: 10` and `scale: 2`, its digits and those behind the point"))
        }
    }
}

/// Bounds are of the field's type, and in order.
fn range(document: &Document, at: usize, field: &Field) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (key, bound) in [("minimum", &field.minimum), ("maximum", &field.maximum)] {
        if let Some(bound) = bound.as_ref().filter(|bound| !crate::intake::is_constant_of(bound, field)) {
            let what = if field.logical_type == LogicalType::Date { "a day such as 2026-07-01" } else { "a number" };
            let finding = document.finding(&format!("/fields/{at}/{key}"), format!("`{bound}` is no {key} here"));
            findings.push(finding.label(format!("expected {what}")));
        }
    }
    if let (Some(minimum), Some(maximum)) = (&field.minimum, &field.maximum)
        && findings.is_empty()
        && crate::intake::is_less(maximum, minimum, field)
    {
        findings.push(document.finding(&format!("/fields/{at}/maximum"), "the maximum is below the minimum"));
    }
    findings
}

/// What a text is checked against and cleaned by.
fn text(document: &Document, at: usize, field: &Field) -> Vec<Finding> {
    let mut findings = Vec::new();
    if let Some(mistake) = field.pattern.as_deref().and_then(crate::intake::pattern_mistake) {
        let finding = document.finding(&format!("/fields/{at}/pattern"), "this is no regular expression");
        findings.push(finding.label(mistake));
    }
    if let Some(length) = field.length
        && length.minimum.zip(length.maximum).is_some_and(|(minimum, maximum)| minimum > maximum)
    {
        findings.push(document.finding(&format!("/fields/{at}/length/maximum"), "the maximum is below the minimum"));
    }
    for (step, clean) in field.clean.iter().enumerate() {
        if let Clean::LeftPad { to, .. } = clean
            && !(1..=1000).contains(to)
        {
            let pointer = format!("/fields/{at}/clean/{step}/left_pad/to");
            findings.push(document.finding(&pointer, "a value is filled up to 1 to 1000 characters"));
        }
    }
    findings
}

/// A spelling is replaced by one that is allowed; a code is not both a value and a missing one.
fn codes(document: &Document, at: usize, field: &Field) -> Vec<Finding> {
    let Some(allowed) = &field.allowed else { return Vec::new() };
    let replaced = field.replace.iter().filter(|(_, right)| !allowed.contains_key(right)).map(|(wrong, right)| {
        let pointer = format!("/fields/{at}/replace/{}", super::step(wrong));
        let finding = document.finding(&pointer, format!("`{right}` is not one of the allowed values"));
        finding.nearest(right, allowed.keys())
    });
    let both = field.missing.keys().filter(|word| allowed.contains_key(word)).map(|word| {
        let pointer = format!("/fields/{at}/missing/{}", super::step(word));
        Finding::new(&document.source, document.locate_key(&pointer), format!("`{word}` is both missing and allowed"))
    });
    replaced.chain(both).collect()
}

/// A field of meanings is text without a column, a check or a clean-up of its own, of a field that has a column.
fn meaning(document: &Document, contract: &Contract, at: usize, field: &Field) -> Option<Finding> {
    let of = field.meaning_of.as_ref()?;
    let pointer = format!("/fields/{at}/meaning_of");
    let Some(other) = contract.field(of) else {
        return unknown(document, &pointer, "field", of, field_names(contract));
    };
    let bare = Field {
        name: field.name.clone(),
        meaning_of: field.meaning_of.clone(),
        description: field.description.clone(),
        ..Field::of_text()
    };
    let same = |one: &Field| serde_json::to_value(one).ok();
    let message = if other.meaning_of.is_some() {
        format!("`{of}` holds meanings itself")
    } else if same(&bare) != same(field) {
        format!("`{}` holds the meanings of `{of}`, and has nothing but a name and the type `string`", field.name)
    } else {
        return None;
    };
    Some(Finding::new(&document.source, document.locate_key(&pointer), message))
}

fn person(document: &Document, contract: &Contract) -> Vec<Finding> {
    let mut findings = repeated(document, "/person", &contract.person);
    for (at, name) in contract.person.iter().enumerate() {
        let pointer = format!("/person/{at}");
        let Some(field) = contract.field(name) else {
            findings.extend(unknown(document, &pointer, "field", name, field_names(contract)));
            continue;
        };
        if !field.required {
            let finding = document.finding(&pointer, format!("`{name}` identifies a person but is not required"));
            findings.push(finding.help(format!("add `required: true` to the field `{name}`")));
        }
        if field.placeholders.as_ref().is_some_and(|placeholders| placeholders.action == PlaceholderAction::Missing) {
            let message = format!("`{name}` identifies a person but its placeholders are taken as missing");
            findings.push(document.finding(&pointer, message).help("let its placeholders be rejected"));
        }
    }
    findings
}

fn field_names(contract: &Contract) -> impl Iterator<Item = &str> {
    contract.fields.iter().map(|field| field.name.as_str())
}
