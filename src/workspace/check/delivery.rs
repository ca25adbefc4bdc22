//! How a partner delivers, and which deliveries a pipeline picks.

use super::super::diagnose::{Finding, listed};
use super::super::document::{Document, step};
use super::super::load::Files;
use super::super::{
    Agreement, Contract, DeliveryMode, Field, LogicalType, Pick, Pipeline, PlaceholderAction, Rule, Source,
};
use super::{repeated, unknown};
use crate::intake::NamePattern;

/// What a contract says of deliveries.
pub(super) fn of_contract(document: &Document, contract: &Contract) -> Vec<Finding> {
    let terms = &contract.delivery;
    let mode = match terms.mode {
        DeliveryMode::Replacement => "replacement",
        DeliveryMode::Transactions => "transactions",
        DeliveryMode::EffectiveDated => "effective_dated",
    };
    let fit = |modes: &[DeliveryMode]| modes.contains(&terms.mode);
    let (changes, dated) = (DeliveryMode::Transactions, DeliveryMode::EffectiveDated);
    let misplaced = [
        (terms.snapshots && !fit(&[DeliveryMode::Replacement]), "snapshots", "replacement"),
        (!terms.key.is_empty() && !fit(&[changes, dated]), "key", "transactions and effective_dated"),
        (terms.action.is_some() && !fit(&[changes]), "action", "transactions"),
        (terms.effective.is_some() && !fit(&[dated]), "effective", "effective_dated"),
    ];
    let mut findings: Vec<Finding> = misplaced
        .into_iter()
        .filter(|(wrong, ..)| *wrong)
        .map(|(_, key, modes)| {
            let span = document.locate_key(&format!("/delivery/{key}"));
            let message = format!("deliveries of the mode `{mode}` have no `{key}`");
            Finding::new(&document.source, span, message).label(format!("only {modes} have"))
        })
        .collect();
    if terms.is_settled() {
        findings.extend(key(document, contract));
        findings.extend(unique(document, contract));
    }
    match (&terms.effective, terms.mode) {
        (Some(name), _) => findings.extend(effective(document, contract, name)),
        (None, DeliveryMode::EffectiveDated) => {
            let finding = document.finding("/delivery/mode", "effective-dated rows have a day from which they are");
            findings.push(finding.help("add `effective: FIELD`, the field that holds it"));
        }
        _ => {}
    }
    findings.extend(action(document, contract));
    if let Some(name) = terms.added_column()
        && let Some(at) = contract.fields.iter().position(|field| field.name == name)
    {
        let finding = document.finding(&format!("/fields/{at}/name"), format!("no field can be named `{name}` here"));
        findings.push(finding.label("the name of a column that the deliveries add"));
    }
    let limits = terms.freshness;
    if limits.warn.zip(limits.error).is_some_and(|(warn, error)| warn > error) {
        let finding = document.finding("/delivery/freshness/warn", "it would be refused before it is late");
        findings.push(finding.help("let `warn` be less than `error`"));
    }
    findings
}

fn key(document: &Document, contract: &Contract) -> Vec<Finding> {
    let names = &contract.delivery.key;
    if names.is_empty() {
        let finding = document.finding("/delivery/mode", "nothing says which row a change is about");
        return vec![finding.help("add `key: [FIELD]`, the fields that name a row")];
    }
    let mut findings = repeated(document, "/delivery/key", names);
    for (at, name) in names.iter().enumerate() {
        let pointer = format!("/delivery/key/{at}");
        let Some(field) = contract.field(name) else {
            findings.extend(unknown(document, &pointer, "field", name, field_names(contract)));
            continue;
        };
        if !matches!(field.logical_type, LogicalType::String | LogicalType::Integer | LogicalType::Date) {
            let finding = document.finding(&pointer, format!("`{name}` has no one spelling"));
            findings.push(finding.label("a key is made of text, whole numbers and days"));
        }
        findings.extend(always_there(document, &pointer, field, "is part of the key"));
    }
    findings
}

/// A field that decides what becomes of a row is never missing.
fn always_there(document: &Document, pointer: &str, field: &Field, what: &str) -> Option<Finding> {
    let name = &field.name;
    let missing = field.placeholders.as_ref().is_some_and(|one| one.action == PlaceholderAction::Missing);
    if !field.required {
        let finding = document.finding(pointer, format!("`{name}` {what} but is not required"));
        return Some(finding.help(format!("add `required: true` to the field `{name}`")));
    }
    missing.then(|| {
        let message = format!("`{name}` {what} but its placeholders are taken as missing");
        document.finding(pointer, message).help("let its placeholders be rejected")
    })
}

/// A key comes again with each change, so that no rule may forbid it.
fn unique(document: &Document, contract: &Contract) -> Vec<Finding> {
    if contract.delivery.mode != DeliveryMode::Transactions {
        return Vec::new();
    }
    let fields = contract.fields.iter().enumerate().filter(|(_, field)| field.unique);
    let fields = fields.map(|(at, _)| format!("/fields/{at}/unique"));
    let rules = contract.rules.iter().enumerate().filter(|(_, rule)| matches!(rule, Rule::Unique { .. }));
    let all = fields.chain(rules.map(|(at, _)| format!("/rules/{at}/fields")));
    let finding = |pointer: String| {
        document
            .finding(&pointer, "rows that are changed come again")
            .help("remove it: `key` of the delivery leaves one row of each key")
    };
    all.map(finding).collect()
}

fn effective(document: &Document, contract: &Contract, name: &str) -> Option<Finding> {
    let pointer = "/delivery/effective";
    let Some(field) = contract.field(name) else {
        return unknown(document, pointer, "field", name, field_names(contract));
    };
    if field.logical_type != LogicalType::Date {
        return Some(document.finding(pointer, format!("`{name}` is not a date")));
    }
    always_there(document, pointer, field, "says from when a row is in effect")
}

/// Each allowed value of the field is one of the words, once.
fn action(document: &Document, contract: &Contract) -> Vec<Finding> {
    let Some(action) = &contract.delivery.action else { return Vec::new() };
    let pointer = "/delivery/action/field";
    let Some(field) = contract.field(&action.field) else {
        return unknown(document, pointer, "field", &action.field, field_names(contract)).into_iter().collect();
    };
    let mut findings: Vec<Finding> =
        always_there(document, pointer, field, "says what becomes of a row").into_iter().collect();
    let Some(allowed) = field.allowed.as_ref().filter(|_| field.logical_type == LogicalType::String) else {
        let finding = document.finding(pointer, format!("`{}` is no text with `allowed` values", field.name));
        findings.push(finding.help("list its words under `allowed` of the field, so that another word is rejected"));
        return findings;
    };
    let lists = [("add", &action.add), ("change", &action.change), ("delete", &action.delete)];
    let mut seen: Vec<&str> = Vec::new();
    for (key, words) in lists {
        for (at, word) in words.iter().enumerate() {
            let pointer = format!("/delivery/action/{key}/{at}");
            if !allowed.contains_key(word) {
                let finding = document.finding(&pointer, format!("`{word}` is no allowed value of `{}`", field.name));
                findings.push(finding.nearest(word, allowed.keys()));
            }
            if seen.contains(&word.as_str()) {
                findings.push(document.finding(&pointer, format!("`{word}` stands here twice")));
            }
            seen.push(word);
        }
    }
    let left: Vec<&str> = allowed.keys().filter(|word| !seen.contains(word)).collect();
    if !left.is_empty() {
        let message = format!("nothing says what a row with {} does", listed(&left, "or"));
        findings.push(document.finding("/delivery/action", message).help("put it under `add`, `change` or `delete`"));
    }
    findings
}

/// What a pipeline picks of a source.
pub(super) fn of_pipeline(
    document: &Document,
    pipeline: &Pipeline,
    agreement: Option<&Agreement>,
    files: &Files,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (name, source) in pipeline.sources.iter() {
        let at = format!("/sources/{}", step(name));
        let file = files.contracts.iter().find(|file| file.name == source.contract);
        let contract = file.and_then(|file| file.value.as_deref());
        findings.extend(picked(document, &at, source, contract));
        if let (Some(agreement), Some(contract)) = (agreement, contract) {
            findings.extend(allowed(document, &at, pipeline, agreement, contract));
        }
    }
    findings
}

fn picked(document: &Document, at: &str, source: &Source, contract: Option<&Contract>) -> Vec<Finding> {
    let pattern = match NamePattern::parse(&source.from) {
        Ok(pattern) => pattern,
        Err(mistake) => {
            return vec![document.finding(&format!("{at}/from"), "this is no pattern of names").label(mistake)];
        }
    };
    let pick = format!("{at}/pick");
    let mut findings = Vec::new();
    match source.pick {
        Pick::Last(0) => findings.push(document.finding(&pick, "the last 0 deliveries are none")),
        Pick::Within(days) if days.0 == 0 => findings.push(document.finding(&pick, "a window of no days is empty")),
        Pick::Window(window) if window.from.zip(window.until).is_some_and(|(from, until)| from > until) => {
            findings.push(document.finding(&format!("{pick}/window/until"), "the window ends before it begins"));
        }
        Pick::Window(window) if window.from.is_none() && window.until.is_none() => {
            findings.push(document.finding(&pick, "a window has a first day or a last one").help("or write `all`"));
        }
        _ => {}
    }
    let no_date = |message: &str| {
        let finding = document.finding(&format!("{at}/from"), message);
        finding.help("let `from` say where the day stands in the names: graduates_{date:YYYYMMDD}*.csv")
    };
    if source.pick.needs_date() && !pattern.has().date {
        findings.push(no_date("a window goes by days, and the names have none"));
    }
    let Some(terms) = contract.map(|contract| &contract.delivery) else { return findings };
    if terms.snapshots && !pattern.has().date {
        findings.push(no_date("the contract asks for dated snapshots, and the names have no day"));
    }
    if terms.freshness.every.is_some() && !pattern.has().date {
        findings.push(no_date("the contract says how often deliveries come, and the names have no day"));
    }
    let forgets = matches!(source.pick, Pick::Newest | Pick::Last(_) | Pick::Within(_));
    if terms.mode == DeliveryMode::Transactions && forgets {
        let finding = document.finding(&pick, "changes without those before them are no whole");
        findings.push(finding.help("write `all`, or a window that begins with a delivery of all rows"));
    }
    findings
}

/// Fields that decide what becomes of rows are among those that the agreement lets the pipeline use.
fn allowed(
    document: &Document,
    at: &str,
    pipeline: &Pipeline,
    agreement: &Agreement,
    contract: &Contract,
) -> Vec<Finding> {
    let Some(clause) = agreement.clause(&contract.id, &pipeline.purpose) else { return Vec::new() };
    let terms = &contract.delivery;
    let pointer = format!("{at}/contract");
    let key = terms.key.iter().filter(|field| !clause.link.contains(field) && !clause.analyse.contains(field));
    let key = key.filter(|field| contract.field(field).is_some()).map(|field| {
        document
            .finding(&pointer, format!("the key field `{field}` of `{}` is not in the agreement", contract.id))
            .help("have the parties list it under `link`: it is hashed, and gone after that")
            .forbidden()
    });
    let effective = terms.effective.iter().filter(|field| !clause.analyse.contains(field)).map(|field| {
        document
            .finding(&pointer, format!("SQL would read `{field}` of `{}` as `effective_until`", contract.id))
            .help(format!("have the parties list `{field}` under `analyse`"))
            .forbidden()
    });
    key.chain(effective).collect()
}

fn field_names(contract: &Contract) -> impl Iterator<Item = &str> {
    contract.fields.iter().map(|field| field.name.as_str())
}
