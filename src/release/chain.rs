//! The check of the ledger's chain.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use bytes::Bytes;
use serde::Serialize;

use super::digest::sha256_hex;
use super::event::Entry;
use super::ledger::{GENESIS, Head, parse};

/// What the check found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LedgerReport {
    /// How many entries there are.
    pub entries: u64,
    /// The last entry as `NUMBER:DIGEST`. Whoever writes it down can later prove that nothing up to it was touched.
    pub anchor: Option<String>,
    /// What is wrong; nothing where the ledger is as it was written.
    pub findings: Vec<Finding>,
}

impl LedgerReport {
    /// Whether the ledger is as it was written.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.findings.is_empty()
    }
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The entry.
    pub seq: u64,
    /// What happened to it.
    pub kind: FindingKind,
    /// How it shows.
    pub detail: String,
}

/// What happened to an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FindingKind {
    /// Its bytes are not those that were written.
    Changed,
    /// It is not there although later ones are.
    Missing,
    /// It stands under a number that is not its own: renumbered or swapped.
    Renumbered,
    /// It can't be read.
    Unreadable,
    /// The ledger ends before it.
    Cut,
}

/// Everything about one entry that the check needs.
struct Link {
    digest: String,
    entry: Option<Entry>,
}

/// Checks `files` (by number) against each other, the head pointer and an anchor. The head pointer may lag.
pub(super) fn check(files: &[(u64, Bytes)], head: Option<&Head>, anchor: Option<&Head>) -> LedgerReport {
    let links: BTreeMap<u64, Link> = files
        .iter()
        .map(|(seq, bytes)| (*seq, Link { digest: sha256_hex(bytes), entry: parse(*seq, bytes).ok() }))
        .collect();
    let last = links.keys().next_back().copied().unwrap_or(0);
    let mut findings = changed(&links, head, anchor);
    findings.extend((1..last).filter(|seq| !links.contains_key(seq)).map(missing));
    findings.extend(links.iter().filter_map(|(seq, link)| misplaced(*seq, link)));
    let reached = head.map_or(0, |head| head.seq).max(anchor.map_or(0, |anchor| anchor.seq));
    if reached > last {
        findings.push(cut(last + 1..=reached));
    }
    findings.sort_by_key(|finding| finding.seq);
    let anchor = links.last_key_value().map(|(seq, link)| format!("{seq}:{}", link.digest));
    LedgerReport { entries: links.len() as u64, anchor, findings }
}

/// Entries whose bytes contradict what was recorded of them, from the last to the first: what a changed entry says of
/// the one before counts for nothing, so that the entry that was changed is named and not its neighbour.
fn changed(links: &BTreeMap<u64, Link>, head: Option<&Head>, anchor: Option<&Head>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut after: Option<(u64, &Entry)> = None;
    for (&seq, link) in links.iter().rev() {
        let recorded = [(head, "the head pointer"), (anchor, "the anchor")]
            .into_iter()
            .filter_map(|(head, who)| {
                head.filter(|head| head.seq == seq).map(|head| (head.sha256.as_str(), who.to_owned()))
            })
            .chain(
                after
                    .filter(|(next, _)| *next == seq + 1)
                    .map(|(next, entry)| (entry.previous.as_str(), format!("entry {next}"))),
            );
        let contradiction = recorded.into_iter().find(|(digest, _)| *digest != link.digest);
        let begins_wrong = seq == 1 && link.entry.as_ref().is_some_and(|entry| entry.previous != GENESIS);
        if let Some((_, who)) = &contradiction {
            let detail = format!("its bytes are not those that {who} recorded");
            findings.push(Finding { seq, kind: FindingKind::Changed, detail });
        } else if begins_wrong {
            let detail = "it is not the beginning of a ledger".to_owned();
            findings.push(Finding { seq, kind: FindingKind::Changed, detail });
        }
        after = link.entry.as_ref().filter(|_| contradiction.is_none()).map(|entry| (seq, entry));
    }
    findings
}

fn missing(seq: u64) -> Finding {
    Finding { seq, kind: FindingKind::Missing, detail: "later entries are there, this one is not".to_owned() }
}

fn misplaced(seq: u64, link: &Link) -> Option<Finding> {
    match &link.entry {
        None => Some(Finding { seq, kind: FindingKind::Unreadable, detail: "it is no entry".to_owned() }),
        Some(entry) if entry.seq != seq => {
            let detail = format!("the entry under this number is number {}", entry.seq);
            Some(Finding { seq, kind: FindingKind::Renumbered, detail })
        }
        Some(_) => None,
    }
}

fn cut(seqs: RangeInclusive<u64>) -> Finding {
    let detail = format!("the ledger went up to entry {}; it ends before entry {}", seqs.end(), seqs.start());
    Finding { seq: *seqs.start(), kind: FindingKind::Cut, detail }
}
