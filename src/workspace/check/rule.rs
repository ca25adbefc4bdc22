//! The rules of a contract beyond single fields.

use super::super::diagnose::Finding;
use super::super::document::Document;
use super::super::load::Files;
use super::super::{Contract, Field, LogicalType, Operand, Rule};
use super::{names, repeated, unknown};

pub(super) fn check(document: &Document, contract: &Contract, files: Option<&Files>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (at, rule) in contract.rules.iter().enumerate() {
        let pointer = format!("/rules/{at}");
        findings.extend(match rule {
            Rule::Unique { fields } => list(document, contract, &format!("{pointer}/fields"), fields),
            Rule::Consistent { key, field, .. } => {
                let mut findings = list(document, contract, &format!("{pointer}/key"), key);
                findings.extend(one(document, contract, &format!("{pointer}/field"), field));
                findings
            }
            Rule::Compare { left, right, .. } => compare(document, contract, &pointer, left, right),
            Rule::Reference { fields, contract: other, to, .. } => {
                let mut findings = list(document, contract, &format!("{pointer}/fields"), fields);
                if let Some(files) = files.filter(|_| findings.is_empty()) {
                    findings.extend(reference(document, contract, &pointer, (fields, other, to), files));
                }
                findings
            }
        });
    }
    findings
}

fn one(document: &Document, contract: &Contract, pointer: &str, name: &str) -> Option<Finding> {
    unknown(document, pointer, "field", name, contract.fields.iter().map(|field| field.name.as_str()))
}

fn list(document: &Document, contract: &Contract, pointer: &str, fields: &[String]) -> Vec<Finding> {
    let mut findings = Vec::new();
    if fields.is_empty() {
        findings.push(document.finding(pointer, "a rule names at least one field"));
    }
    findings.extend(repeated(document, pointer, fields));
    let each = fields.iter().enumerate();
    findings.extend(each.filter_map(|(at, name)| one(document, contract, &format!("{pointer}/{at}"), name)));
    findings
}

/// Both sides are of one type.
fn compare(document: &Document, contract: &Contract, pointer: &str, left: &str, right: &Operand) -> Vec<Finding> {
    let mut findings: Vec<Finding> = one(document, contract, &format!("{pointer}/left"), left).into_iter().collect();
    let known = contract.field(left);
    match right {
        Operand::Field(name) => {
            let at = format!("{pointer}/right/field");
            findings.extend(one(document, contract, &at, name));
            if let (Some(left), Some(right)) = (known, contract.field(name))
                && !comparable(left, right)
            {
                let message = format!("`{}` and `{name}` are of different types", left.name);
                findings.push(document.finding(&at, message));
            }
        }
        Operand::Value(bound) => {
            if let Some(left) = known.filter(|left| !crate::intake::is_constant_of(bound, left)) {
                let message = format!("`{bound}` can't be compared with `{}`", left.name);
                let finding = document.finding(&format!("{pointer}/right/value"), message);
                findings.push(finding.label("of another type").help("a day is written YYYY-MM-DD"));
            }
        }
    }
    findings
}

fn comparable(left: &Field, right: &Field) -> bool {
    let number = |field: &Field| matches!(field.logical_type, LogicalType::Integer | LogicalType::Number);
    left.logical_type == right.logical_type || (number(left) && number(right))
}

fn reference(
    document: &Document,
    contract: &Contract,
    pointer: &str,
    (fields, other, to): (&[String], &String, &[String]),
    files: &Files,
) -> Vec<Finding> {
    let at = format!("{pointer}/contract");
    if *other == contract.id {
        return vec![document.finding(&at, "a rule refers to another contract, not to its own")];
    }
    if let Some(finding) = unknown(document, &at, "contract", other, names(&files.contracts)) {
        return vec![finding];
    }
    let other = files.contracts.iter().find(|file| file.name == *other).and_then(|file| file.value.as_deref());
    let Some(other) = other else { return Vec::new() };
    let mut findings = list(document, other, &format!("{pointer}/to"), to);
    if fields.len() != to.len() {
        let message = format!("{} fields refer to {}", fields.len(), to.len());
        findings.push(document.finding(&format!("{pointer}/to"), message));
    }
    let pairs = fields.iter().zip(to).enumerate();
    for (at, (field, target)) in
        pairs.filter_map(|(at, (one, to))| Some((at, (contract.field(one)?, other.field(to)?))))
    {
        if field.logical_type != target.logical_type || field.scale != target.scale {
            let message = format!("`{}` and `{}` are of different types", field.name, target.name);
            findings.push(document.finding(&format!("{pointer}/to/{at}"), message));
        }
    }
    findings
}
