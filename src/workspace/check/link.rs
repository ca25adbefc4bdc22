//! The links of a pipeline: sources, fields on both sides, and that the agreement lets them be used for linkage.

use super::super::diagnose::Finding;
use super::super::document::{Document, step};
use super::super::load::Files;
use super::super::{Agreement, Contract, Link, Pipeline, Probabilistic};
use super::{repeated, unknown};

pub(super) fn check(
    document: &Document,
    pipeline: &Pipeline,
    agreement: Option<&Agreement>,
    files: &Files,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (name, source) in pipeline.sources.iter() {
        let contract = contract_of(pipeline, name, files);
        let clause = agreement.and_then(|agreement| agreement.clause(&source.contract, &pipeline.purpose));
        if let (Some(contract), Some(clause)) = (contract, clause) {
            for field in contract.person.iter().filter(|field| !clause.link.contains(field)) {
                let pointer = format!("/sources/{}/contract", step(name));
                let message = format!("the agreement does not list `{field}` of `{}` for linkage", contract.id);
                findings.push(
                    document.finding(&pointer, message).label("people can't be told apart without it").forbidden(),
                );
            }
        }
    }
    for (name, link) in pipeline.identity.links.iter() {
        findings.extend(one(document, pipeline, name, link, agreement, files));
    }
    findings
}

fn contract_of<'f>(pipeline: &Pipeline, source: &str, files: &'f Files) -> Option<&'f Contract> {
    let contract = &pipeline.sources.get(source)?.contract;
    files.contracts.iter().find(|file| file.name == *contract)?.value.as_deref()
}

fn one(
    document: &Document,
    pipeline: &Pipeline,
    name: &str,
    link: &Link,
    agreement: Option<&Agreement>,
    files: &Files,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    let pointer = format!("/identity/links/{}", step(name));
    let sides = [("left", &link.left), ("right", &link.right)];
    for (side, source) in sides {
        let pointer = format!("{pointer}/{side}");
        findings.extend(unknown(document, &pointer, "source", source, pipeline.sources.keys()));
        if contract_of(pipeline, source, files).is_some_and(|contract| contract.person.is_empty()) {
            findings.push(document.finding(&pointer, format!("the rows of `{source}` are not about people")));
        }
    }
    if link.left == link.right {
        findings.push(document.finding(&format!("{pointer}/right"), "a link is between two sources"));
    }
    if link.rules.is_empty() && link.probabilistic.is_none() {
        findings.push(document.finding(&format!("{pointer}/rules"), "a link has at least one rule"));
    }
    if let Some(probabilistic) = &link.probabilistic {
        let pointer = format!("{pointer}/probabilistic");
        findings.extend(by_probability(document, pipeline, &pointer, probabilistic, link, agreement, files));
    }
    let rule_names: Vec<String> = link.rules.iter().map(|rule| rule.name.clone()).collect();
    for (at, rule) in link.rules.iter().enumerate() {
        let pointer = format!("{pointer}/rules/{at}");
        if rule_names[..at].contains(&rule.name) {
            findings.push(document.finding(&format!("{pointer}/name"), format!("there are two rules `{}`", rule.name)));
        }
        if rule.fields.is_empty() {
            findings.push(document.finding(&format!("{pointer}/fields"), "a rule names at least one field"));
        }
        findings.extend(repeated(document, &format!("{pointer}/fields"), &rule.fields));
        for (index, field) in rule.fields.iter().enumerate() {
            let pointer = format!("{pointer}/fields/{index}");
            findings.extend(rule_field(document, pipeline, &pointer, field, link, agreement, files));
        }
    }
    findings
}

/// Linkage by probability: its fields are link fields of both contracts, the one it reports by is analysed.
fn by_probability(
    document: &Document,
    pipeline: &Pipeline,
    pointer: &str,
    spec: &Probabilistic,
    link: &Link,
    agreement: Option<&Agreement>,
    files: &Files,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    for field in spec.compare.keys() {
        let pointer = format!("{pointer}/compare/{}", step(field));
        findings.extend(rule_field(document, pipeline, &pointer, field, link, agreement, files));
    }
    let swapped =
        spec.swapped.iter().flatten().enumerate().map(|(at, field)| (format!("swapped/{at}"), field.as_str()));
    let blocking = spec.blocking.iter().enumerate().flat_map(|(rule, parts)| {
        let field = |part: &'_ String| part.len().min(part.find('.').unwrap_or(part.len()));
        parts.iter().enumerate().map(move |(at, part)| (format!("blocking/{rule}/{at}"), &part[..field(part)]))
    });
    for (at, field) in swapped.chain(blocking) {
        let pointer = format!("{pointer}/{at}");
        findings.extend(unknown(document, &pointer, "compared field", field, spec.compare.keys()));
    }
    let reported = contract_of(pipeline, &link.left, files).into_iter().flat_map(|contract| {
        let clause = agreement.and_then(|agreement| agreement.clause(&contract.id, &pipeline.purpose));
        spec.report_by.iter().map(move |field| (field, contract, clause))
    });
    for (field, contract, clause) in reported {
        if clause.is_some_and(|clause| !clause.analyse.contains(field)) {
            let message = format!("the agreement does not list `{field}` of `{}` for analysis", contract.id);
            findings.push(document.finding(&format!("{pointer}/report_by"), message).forbidden());
        }
    }
    findings
}

/// A field of a rule: both contracts have it, alike, and the agreement lists it for linkage on both sides.
fn rule_field(
    document: &Document,
    pipeline: &Pipeline,
    pointer: &str,
    name: &str,
    link: &Link,
    agreement: Option<&Agreement>,
    files: &Files,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut found = Vec::new();
    for source in [&link.left, &link.right] {
        let Some(contract) = contract_of(pipeline, source, files) else { continue };
        let Some(field) = contract.field(name) else {
            let fields = contract.fields.iter().map(|field| field.name.as_str());
            findings.extend(unknown(document, pointer, &format!("field of `{}`", contract.id), name, fields));
            continue;
        };
        found.push(field);
        let clause = agreement.and_then(|agreement| agreement.clause(&contract.id, &pipeline.purpose));
        if let Some(clause) = clause
            && !clause.link.iter().any(|listed| listed == name)
        {
            let message = format!("the agreement does not list `{name}` of `{}` for linkage", contract.id);
            let words: Vec<&str> = clause.link.iter().map(String::as_str).collect();
            findings.push(document.finding(pointer, message).nearest_only(name, &words).forbidden());
        }
    }
    if let [left, right] = found[..]
        && (left.normalise != right.normalise || left.logical_type != right.logical_type)
    {
        let finding = document.finding(pointer, format!("`{name}` could never be equal on both sides"));
        findings.push(finding.label("the two contracts differ in its `type` or `normalise`"));
    }
    findings
}
