//! One agreement: its parties, what it lets be read, who must approve.

use super::super::diagnose::Finding;
use super::super::document::Document;
use super::super::load::Files;
use super::super::{Agreement, Contract, DataClause, PartyRole};
use super::{names, repeated, unknown};

pub(super) fn check(document: &Document, agreement: &Agreement, files: &Files) -> Vec<Finding> {
    let mut findings = Vec::new();
    if agreement.effective.until < agreement.effective.from {
        findings.push(document.finding("/effective/until", "the agreement ends before it begins"));
    }
    if agreement.outputs.minimum_cell < 2 {
        findings.push(document.finding("/outputs/minimum_cell", "the smallest count that may be shown is 2 or more"));
    }
    let methods = &agreement.outputs.protection.methods;
    if methods.is_empty() {
        let finding = document.finding("/outputs/protection/methods", "without a method nothing can be published");
        findings.push(finding.help("leave `methods` out to allow suppression"));
    }
    let words: Vec<String> = methods.iter().map(|method| method.word().to_owned()).collect();
    findings.extend(repeated(document, "/outputs/protection/methods", &words));
    findings.extend(repeated(document, "/outputs/dimensions", &agreement.outputs.dimensions));
    for (at, clause) in agreement.data.iter().enumerate() {
        findings.extend(clause_of(document, agreement, at, clause, files));
    }
    for (at, contract) in agreement.vault.iter().flat_map(|vault| &vault.contracts).enumerate() {
        let covered = agreement.data.iter().map(|clause| clause.contract.as_str());
        findings.extend(unknown(document, &format!("/vault/contracts/{at}"), "clause for", contract, covered));
    }
    findings.extend(approvals(document, agreement, files));
    if let Some(roles) = &files.roles.value {
        for (at, recipient) in agreement.outputs.recipients.iter().enumerate() {
            let pointer = format!("/outputs/recipients/{at}");
            findings.extend(unknown(document, &pointer, "recipient", recipient, roles.recipients.keys()));
        }
    }
    findings
}

fn clause_of(
    document: &Document,
    agreement: &Agreement,
    at: usize,
    clause: &DataClause,
    files: &Files,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    let pointer = format!("/data/{at}");
    for (index, purpose) in clause.purposes.iter().flatten().enumerate() {
        let pointer = format!("{pointer}/purposes/{index}");
        findings.extend(unknown(document, &pointer, "purpose", purpose, agreement.purposes.keys()));
    }
    let covered = |earlier: &&DataClause| earlier.contract == clause.contract && share_purpose(earlier, clause);
    if agreement.data[..at].iter().find(covered).is_some() {
        let message = format!("an earlier clause covers `{}` for the same purpose", clause.contract);
        findings.push(document.finding(&format!("{pointer}/contract"), message).help("make it one clause"));
    }
    let at_contract = format!("{pointer}/contract");
    findings.extend(unknown(document, &at_contract, "contract", &clause.contract, names(&files.contracts)));
    findings.extend(fields_twice(document, &pointer, clause));
    let contract = files.contracts.iter().find(|file| file.name == clause.contract);
    if let Some(contract) = contract.and_then(|file| file.value.as_ref()) {
        findings.extend(fields(document, &pointer, clause, contract));
        findings.extend(partner(document, &at_contract, agreement, contract));
    }
    findings
}

fn share_purpose(one: &DataClause, other: &DataClause) -> bool {
    match (&one.purposes, &other.purposes) {
        (Some(one), Some(other)) => one.iter().any(|purpose| other.contains(purpose)),
        _ => true,
    }
}

fn fields_twice(document: &Document, pointer: &str, clause: &DataClause) -> Vec<Finding> {
    let mut findings = repeated(document, &format!("{pointer}/link"), &clause.link);
    findings.extend(repeated(document, &format!("{pointer}/analyse"), &clause.analyse));
    for (at, name) in clause.analyse.iter().enumerate().filter(|(_, name)| clause.link.contains(name)) {
        let finding = document.finding(&format!("{pointer}/analyse/{at}"), format!("`{name}` is for linkage only"));
        findings
            .push(finding.label("it stands under `link`").help("a field is gone after linkage, or it can be analysed"));
    }
    findings
}

fn fields(document: &Document, pointer: &str, clause: &DataClause, contract: &Contract) -> Vec<Finding> {
    let lists = [("link", &clause.link), ("analyse", &clause.analyse)];
    let each = lists.iter().flat_map(|(list, names)| {
        names.iter().enumerate().map(move |(at, name)| (format!("{pointer}/{list}/{at}"), name))
    });
    let what = format!("field of `{}`", contract.id);
    each.filter_map(|(pointer, name)| {
        unknown(document, &pointer, &what, name, contract.fields.iter().map(|field| field.name.as_str()))
    })
    .collect()
}

fn partner(document: &Document, pointer: &str, agreement: &Agreement, contract: &Contract) -> Option<Finding> {
    let party = agreement.parties.get(&contract.partner);
    let message = match party {
        None => format!("`{}` comes from `{}`, which is no party of this agreement", contract.id, contract.partner),
        Some(party) if !party.role.contains(&PartyRole::Provider) => {
            format!("`{}` comes from `{}`, which is no provider under this agreement", contract.id, contract.partner)
        }
        Some(_) => return None,
    };
    let finding = document.finding(pointer, message);
    Some(match party {
        None => finding.nearest(&contract.partner, agreement.parties.keys()),
        Some(_) => finding.help(format!("add `provider` to the role of `{}`", contract.partner)),
    })
}

fn approvals(document: &Document, agreement: &Agreement, files: &Files) -> Vec<Finding> {
    let approvals = &agreement.approvals;
    let mut findings = repeated(document, "/approvals/one_from_each", &approvals.one_from_each);
    if approvals.required < 1 {
        findings.push(document.finding("/approvals/required", "at least one steward must approve"));
    }
    let stewards_of = |party: &str| {
        let roles = files.roles.value.as_ref()?;
        Some(roles.stewards.values().filter(|steward| steward.party == party).count())
    };
    for (at, party) in approvals.one_from_each.iter().enumerate() {
        let pointer = format!("/approvals/one_from_each/{at}");
        let no_party = unknown(document, &pointer, "party", party, agreement.parties.keys());
        if no_party.is_none() && stewards_of(party) == Some(0) {
            let finding =
                document.finding(&pointer, format!("`{party}` has no steward, so nobody could approve for it"));
            findings.push(finding.help("add a steward of that party to config/roles.yaml"));
        }
        findings.extend(no_party);
    }
    let there: Option<usize> = agreement.parties.keys().map(stewards_of).sum();
    if let Some(there) = there
        && there < approvals.required
    {
        let message = format!("{} approvals are required", approvals.required);
        let finding = document.finding("/approvals/required", message);
        findings.push(finding.label(format!("the parties have {there} steward{}", if there == 1 { "" } else { "s" })));
    }
    findings
}
