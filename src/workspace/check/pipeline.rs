//! One pipeline: what it refers to, and that it stays within its agreement.

use super::super::diagnose::{Finding, listed};
use super::super::document::{Document, step};
use super::super::load::Files;
use super::super::resolved::reading_order;
use super::super::{Agreement, Contract, Homogeneous, Method, Pipeline};
use super::{delivery, link, names, repeated, sql_name, table, unknown};

const LOOSENED: &str = "a pipeline may tighten its agreement, never loosen it";

pub(super) fn check(document: &Document, pipeline: &Pipeline, files: &Files) -> Vec<Finding> {
    let mut findings = parts(document, pipeline);
    findings.extend(unknown(document, "/agreement", "agreement", &pipeline.agreement, names(&files.agreements)));
    let agreement = files.agreements.iter().find(|file| file.name == pipeline.agreement);
    let agreement = agreement.and_then(|file| file.value.as_deref());
    for (name, source) in pipeline.sources.iter() {
        let pointer = format!("/sources/{}/contract", step(name));
        findings.extend(unknown(document, &pointer, "contract", &source.contract, names(&files.contracts)));
    }
    findings.extend(places(document, pipeline, files));
    findings.extend(references(document, pipeline, files));
    findings.extend(delivery::of_pipeline(document, pipeline, agreement, files));
    findings.extend(link::check(document, pipeline, agreement, files));
    for (name, one) in pipeline.tables.iter() {
        findings.extend(table::check(document, pipeline, name, one));
    }
    findings.extend(people_only(document, pipeline));
    findings.extend(recipients(document, pipeline, agreement, files));
    if let Some(agreement) = agreement {
        findings.extend(within(document, pipeline, agreement));
    }
    findings
}

/// Where a partner's storage can't say what is there, `from` names the file.
fn places(document: &Document, pipeline: &Pipeline, files: &Files) -> Vec<Finding> {
    let Some(settings) = &files.settings.value else { return Vec::new() };
    let mut findings = Vec::new();
    for (name, source) in pipeline.sources.iter().filter(|(_, source)| source.from.contains(['*', '{'])) {
        let contract = files.contracts.iter().find(|file| file.name == source.contract);
        let Some(contract) = contract.and_then(|file| file.value.as_ref()) else { continue };
        if settings.partners.get(&contract.partner).is_some_and(|storage| !storage.lists()) {
            let message = format!("extracts of `{}` come over https, which has no listing", contract.partner);
            let finding = document.finding(&format!("/sources/{}/from", step(name)), message);
            findings.push(finding.help("name the file, without `*`; or agree on WebDAV, SFTP or a bucket"));
        }
    }
    findings
}

/// What rows of one source refer to is read before them.
fn references(document: &Document, pipeline: &Pipeline, files: &Files) -> Vec<Finding> {
    let contract =
        |id: &str| files.contracts.iter().find(|file| file.name == id).and_then(|file| file.value.as_deref());
    let sources: Option<Vec<(&str, &Contract)>> =
        pipeline.sources.iter().map(|(name, source)| Some((name, contract(&source.contract)?))).collect();
    let Some(sources) = sources else { return Vec::new() };
    let mut findings = Vec::new();
    for (name, one) in &sources {
        let pointer = format!("/sources/{}/contract", step(name));
        for id in one.refers_to().filter(|id| !sources.iter().any(|(_, other)| other.id == *id)) {
            let message = format!("rows of `{}` refer to rows of `{id}`, which is no source here", one.id);
            findings.push(document.finding(&pointer, message).help(format!("add a source with `contract: {id}`")));
        }
    }
    let contracts: Vec<&Contract> = sources.iter().map(|(_, contract)| *contract).collect();
    if let Err(at) = reading_order(&contracts) {
        let pointer = format!("/sources/{}/contract", step(sources[at].0));
        let message = format!("rows of `{}` refer to rows that refer back to them", contracts[at].id);
        findings.push(document.finding(&pointer, message).help("remove one of the `reference` rules"));
    }
    findings
}

/// Names, and that there is something to read, to compute and to publish.
fn parts(document: &Document, pipeline: &Pipeline) -> Vec<Finding> {
    let mut findings = Vec::new();
    let empty = [
        (pipeline.sources.is_empty(), "sources"),
        (pipeline.models.is_empty(), "models"),
        (pipeline.tables.is_empty(), "tables"),
    ];
    for (_, key) in empty.iter().filter(|(empty, _)| *empty) {
        let span = document.locate_key(&format!("/{key}"));
        findings.push(Finding::new(&document.source, span, format!("a pipeline without {key} does nothing")));
    }
    let named = [
        ("sources", pipeline.sources.keys().collect::<Vec<_>>()),
        ("identity/links", pipeline.identity.links.keys().collect()),
        ("models", pipeline.models.keys().collect()),
        ("tables", pipeline.tables.keys().collect()),
    ];
    for (key, names) in named {
        let pointed = names.into_iter().map(|name| (format!("/{key}/{}", step(name)), name));
        findings.extend(pointed.filter_map(|(pointer, name)| sql_name(document, &pointer, name)));
    }
    if let Some(schedule) = &pipeline.schedule
        && schedule.split_whitespace().count() != 5
    {
        let finding = document.finding("/schedule", "a cron line has five parts");
        findings.push(finding.help("minute, hour, day of the month, month, day of the week: \"15 2 * * *\""));
    }
    findings
}

fn recipients(document: &Document, pipeline: &Pipeline, agreement: Option<&Agreement>, files: &Files) -> Vec<Finding> {
    let recipients = &pipeline.release.recipients;
    let mut findings = repeated(document, "/release/recipients", recipients);
    if recipients.is_empty() {
        findings.push(document.finding("/release/recipients", "a release has at least one recipient"));
    }
    for (at, recipient) in recipients.iter().enumerate() {
        let pointer = format!("/release/recipients/{at}");
        let roles = files.roles.value.as_ref();
        let nobody =
            roles.and_then(|roles| unknown(document, &pointer, "recipient", recipient, roles.recipients.keys()));
        let allowed = agreement.is_none_or(|agreement| agreement.outputs.recipients.contains(recipient));
        if nobody.is_none() && !allowed {
            let message = format!("the agreement does not name `{recipient}` as a recipient");
            let words = agreement.into_iter().flat_map(|agreement| &agreement.outputs.recipients);
            let words: Vec<&str> = words.map(String::as_str).collect();
            findings.push(document.finding(&pointer, message).help(allows("recipients", &words)).forbidden());
        }
        findings.extend(nobody);
    }
    findings
}

/// What the agreement allows: the purpose, the contracts, the floor, the dimensions.
fn within(document: &Document, pipeline: &Pipeline, agreement: &Agreement) -> Vec<Finding> {
    let mut findings = Vec::new();
    let purpose_allowed = agreement.purposes.contains_key(&pipeline.purpose);
    if !purpose_allowed {
        let message = format!("the agreement does not allow the purpose `{}`", pipeline.purpose);
        let finding = document.finding("/purpose", message);
        findings.push(finding.nearest(&pipeline.purpose, agreement.purposes.keys()).forbidden());
    }
    for (name, source) in pipeline.sources.iter().filter(|_| purpose_allowed) {
        if agreement.clause(&source.contract, &pipeline.purpose).is_none() {
            let pointer = format!("/sources/{}/contract", step(name));
            let message = format!("no clause of the agreement covers `{}` for `{}`", source.contract, pipeline.purpose);
            let words = agreement.data.iter().map(|clause| clause.contract.as_str());
            findings.push(document.finding(&pointer, message).nearest(&source.contract, words).forbidden());
        }
    }
    findings.extend(loosened(document, pipeline, agreement));
    for (name, one) in pipeline.tables.iter() {
        findings.extend(dimensions(document, name, one, agreement));
    }
    findings
}

/// What changes figures protects people by what their cells count, so that a row must be a person.
fn people_only(document: &Document, pipeline: &Pipeline) -> Vec<Finding> {
    if pipeline.disclosure.method == Method::Suppression {
        return Vec::new();
    }
    let others = pipeline.tables.iter().filter(|(_, table)| table.counts != "person");
    let finding = |(name, table): (&str, &super::super::Table)| {
        let message = format!("`{}` can't be rounded or given noise: one person may be in several", table.counts);
        let finding = document.finding(&format!("/tables/{}/counts", step(name)), message);
        finding.help("GROUP BY person in a model and count `person`, or hide figures: `method: suppression`")
    };
    others.map(finding).collect()
}

/// Settings of the protection under the agreement's floor.
fn loosened(document: &Document, pipeline: &Pipeline, agreement: &Agreement) -> Vec<Finding> {
    let (own, outputs) = (&pipeline.disclosure, &agreement.outputs);
    let floor = &outputs.protection;
    let mut findings = Vec::new();
    let mut require = |holds: bool, key: &str, asked: String| {
        if !holds {
            let finding = document.finding(&format!("/disclosure/{key}"), LOOSENED);
            findings.push(finding.label(format!("the agreement asks for {asked}")).forbidden());
        }
    };
    require(
        own.minimum_cell.is_none_or(|minimum| minimum >= outputs.minimum_cell),
        "minimum_cell",
        format!("at least {}", outputs.minimum_cell),
    );
    let words: Vec<&str> = floor.methods.iter().map(|method| method.word()).collect();
    require(floor.methods.contains(&own.method.name()), "method", listed(&words, "or"));
    let minimum_cell = outputs.minimum_cell.max(own.minimum_cell.unwrap_or(0));
    require(own.level.is_at_least(floor.level, minimum_cell), "level", format!("level {} at least", floor.level));
    let homogeneous = own.homogeneous == Homogeneous::Hide || floor.homogeneous == Homogeneous::Print;
    require(homogeneous, "homogeneous", "groups of nobody or everybody to be hidden".to_owned());
    let contributor = own.contributor || !floor.contributor;
    require(contributor, "contributor", "protection against those who are counted themselves".to_owned());
    findings
}

fn dimensions(document: &Document, name: &str, one: &super::super::Table, agreement: &Agreement) -> Vec<Finding> {
    let mut findings = Vec::new();
    let allowed: Vec<&str> = agreement.outputs.dimensions.iter().map(String::as_str).collect();
    for (column, dimension) in one.dimensions.iter() {
        let pointer = format!("/tables/{}/dimensions/{}", step(name), step(column));
        let within = dimension.as_ref().and_then(|dimension| dimension.within.as_deref());
        let own = (document.locate_key(&pointer), column);
        let above = within.map(|above| (document.locate(&format!("{pointer}/within")), above));
        for (span, word) in std::iter::once(own).chain(above).filter(|(_, word)| !allowed.contains(word)) {
            let message = format!("the agreement does not allow the dimension `{word}`");
            let finding = Finding::new(&document.source, span, message).nearest_only(word, &allowed);
            findings.push(finding.help(allows("dimensions", &allowed)).forbidden());
        }
    }
    findings
}

fn allows(what: &str, words: &[&str]) -> String {
    format!("its {what} are {}", listed(words, "and"))
}
