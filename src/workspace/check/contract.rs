//! One contract: layout, fields, rules.

use std::collections::BTreeSet;

use super::super::diagnose::Finding;
use super::super::document::Document;
use super::super::{Contract, Field, LogicalType, Normaliser, PlaceholderAction, Rule};
use super::{layout, repeated, sql_name, unknown};

pub(super) fn check(document: &Document, contract: &Contract) -> Vec<Finding> {
    let mut findings = Vec::new();
    if contract.fields.is_empty() {
        findings.push(document.finding("/fields", "a contract has at least one field"));
    }
    findings.extend(names(document, contract));
    for (at, field) in contract.fields.iter().enumerate() {
        findings.extend(of_type(document, at, field));
        findings.extend(codes(document, at, field));
    }
    findings.extend(layout::check(document, contract));
    findings.extend(person(document, contract));
    findings.extend(rules(document, contract));
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
    let number = matches!(kind, LogicalType::Integer | LogicalType::Number);
    let misplaced = [
        (!field.date_formats.is_empty() && kind != LogicalType::Date, "date_formats", "a date"),
        (field.boolean_words.is_some() && kind != LogicalType::Boolean, "boolean_words", "a boolean"),
        (field.implied_decimals.is_some() && kind != LogicalType::Number, "implied_decimals", "a number"),
        (field.minimum.is_some() && !number, "minimum", "a number or an integer"),
        (field.maximum.is_some() && !number, "maximum", "a number or an integer"),
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
    if let (Some(minimum), Some(maximum)) = (field.minimum, field.maximum)
        && minimum > maximum
    {
        let finding = document.finding(&format!("/fields/{at}/maximum"), "the maximum is below the minimum");
        findings.push(finding);
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

fn rules(document: &Document, contract: &Contract) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (at, rule) in contract.rules.iter().enumerate() {
        let (key, fields) = match rule {
            Rule::Unique { fields } => ("fields", fields),
            Rule::Consistent { key, field, .. } => {
                let pointer = format!("/rules/{at}/field");
                findings.extend(unknown(document, &pointer, "field", field, field_names(contract)));
                ("key", key)
            }
        };
        let pointer = format!("/rules/{at}/{key}");
        if fields.is_empty() {
            findings.push(document.finding(&pointer, "a rule names at least one field"));
        }
        findings.extend(repeated(document, &pointer, fields));
        for (index, name) in fields.iter().enumerate() {
            let pointer = format!("{pointer}/{index}");
            findings.extend(unknown(document, &pointer, "field", name, field_names(contract)));
        }
    }
    findings
}

fn field_names(contract: &Contract) -> impl Iterator<Item = &str> {
    contract.fields.iter().map(|field| field.name.as_str())
}
