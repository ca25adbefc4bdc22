//! The books of a run: rows in and out of each step, kept with the candidate.

use serde::{Deserialize, Serialize};

use crate::identity::{Estimate, GroupQuality, LinkReport, ProbableLinks};
use crate::intake::Replaced;
use crate::workspace::Delivering;

/// Rows in and out of each step of a pipeline.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Books {
    /// Intake and identity, a source each.
    pub sources: Vec<SourceBook>,
    /// Links.
    pub links: Vec<LinkBook>,
    /// Rows of each model.
    pub models: Vec<(String, u64)>,
    /// Tables.
    pub tables: Vec<TableBook>,
}

/// A source: rows in = rejected + resolved + without key + superseded + deletions + without person + out.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SourceBook {
    /// The source.
    pub source: String,
    /// Its contract.
    pub contract: String,
    /// What the intake says, delivery by delivery and rule by rule.
    pub intake: serde_json::Value,
    /// Paths of deliveries that equal another one to the byte and were not read again.
    pub duplicates: Vec<String>,
    /// Deliveries that others corrected and that were not read.
    #[serde(default)]
    pub replaced: Vec<Replaced>,
    /// Rows in the deliveries.
    pub rows_in: u64,
    /// Rows in quarantine.
    pub rejected: u64,
    /// Rows that somebody decided to leave out.
    #[serde(default)]
    pub resolved: u64,
    /// Rows that were read from a correction.
    #[serde(default)]
    pub corrected: u64,
    /// Rows of changes that no key could be made for.
    #[serde(default)]
    pub without_key: u64,
    /// Rows that later ones replaced or deleted.
    #[serde(default)]
    pub superseded: u64,
    /// Rows that delete.
    #[serde(default)]
    pub deletions: u64,
    /// Of the rows that change, those whose key was not there.
    #[serde(default)]
    pub unknown_changes: u64,
    /// Of the rows that delete, those whose key was not there.
    #[serde(default)]
    pub unknown_deletions: u64,
    /// Rows that no person could be made for.
    pub without_person: u64,
    /// Rows that went on.
    pub rows_out: u64,
    /// Distinct people among them, where rows are about people.
    pub people: Option<u64>,
}

impl SourceBook {
    /// Whether each row that came in is in exactly one place.
    pub(super) fn balances(&self) -> bool {
        let moved = self.without_key + self.superseded + self.deletions;
        self.rows_in == self.rows_out + self.rejected + self.resolved + moved + self.without_person
    }

    /// The number of rows that is compared from run to run: what is left of changes, the rows of the last snapshot, and
    /// else all rows that came in.
    pub(super) fn compared(&self, terms: &Delivering) -> Option<u64> {
        if terms.is_settled() {
            return Some(self.rows_out);
        }
        if terms.snapshots {
            return self.intake["deliveries"].as_array()?.last()?["rows_in"].as_u64();
        }
        Some(self.rows_in)
    }
}

/// A link. A number is left out where it, or what it leaves of the whole, is under the minimum cell.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LinkBook {
    /// The link.
    pub link: String,
    /// People on the left, and how many of them have a link.
    pub left: Linked,
    /// People on the right, and how many of them have a link.
    pub right: Linked,
    /// Rule by rule: its name and the pairs it linked.
    pub rules: Vec<(String, Option<u64>)>,
    /// Rule by rule: people that it left alone because several share the values, on both sides.
    pub ambiguous: Vec<(String, Option<u64>)>,
    /// Linkage by probability, where the link has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probable: Option<ProbableBook>,
}

/// Linkage by probability. A number is left out where it is under the minimum cell; shares are rounded to tenths of a
/// percent.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ProbableBook {
    /// Pairs linked that no rule linked.
    pub linked: Option<u64>,
    /// Pairs for clerical review.
    pub review: Option<u64>,
    /// Of them, pairs probable enough in which nothing tells twins apart.
    pub not_told_apart: Option<u64>,
    /// Share of all links that are right: estimate, and its interval at 95 %.
    pub precision: [f64; 3],
    /// Share of the matches that are linked.
    pub recall: [f64; 3],
    /// The same by group: name, precision, recall.
    pub groups: Vec<(String, [f64; 3], [f64; 3])>,
    /// Blocking rules, and how many pairs each left out because too many people share a value.
    pub left_out: Vec<(String, Option<u64>)>,
}

impl ProbableBook {
    pub(super) fn new(links: &ProbableLinks, minimum: u64) -> Self {
        let shown = |n: u64| (n == 0 || n >= minimum).then_some(n);
        let share = |one: Estimate| [one.value, one.low, one.high].map(|share| (share * 1000.0).round() / 1000.0);
        let report = &links.report;
        let several = report.groups.windows(2).any(|two| two[0].by != two[1].by);
        let name = |one: &GroupQuality| if several { format!("{} {}", one.by, one.group) } else { one.group.clone() };
        let groups = report.groups.iter().map(|one| (name(one), share(one.precision), share(one.recall)));
        Self {
            linked: shown(report.linked),
            review: shown(report.review),
            not_told_apart: shown(report.not_told_apart),
            precision: share(report.precision),
            recall: share(report.recall),
            groups: groups.collect(),
            left_out: report.blocking.iter().map(|one| (one.rule.clone(), shown(one.pairs_left_out))).collect(),
        }
    }

    /// What operators and stewards are told: estimates, overall and by group, and the work that waits.
    #[must_use]
    pub fn said(&self, link: &str) -> Vec<String> {
        let percent = |[value, low, high]: [f64; 3]| {
            format!("{:.1} % ({:.1} to {:.1})", 100.0 * value, 100.0 * low, 100.0 * high)
        };
        let waits = match self.review {
            Some(0) => "no pair waits for review".to_owned(),
            Some(pairs) => format!("{pairs} pairs wait for review"),
            None => "a few pairs wait for review".to_owned(),
        };
        let estimate = |precision, recall| {
            format!(
                "about {} of its links are right, {} of the matches are linked",
                percent(precision),
                percent(recall)
            )
        };
        let all = format!("link {link}: {}; {waits}", estimate(self.precision, self.recall));
        let groups = self
            .groups
            .iter()
            .map(|(group, precision, recall)| format!("  {group}: {}", estimate(*precision, *recall)));
        let capped = self.left_out.iter().filter(|(_, pairs)| *pairs != Some(0)).map(|(rule, pairs)| {
            let pairs = pairs.map_or_else(|| "a few".to_owned(), |pairs| pairs.to_string());
            format!("  blocking by {rule} left out {pairs} pairs: too many people share a value")
        });
        std::iter::once(all).chain(groups).chain(capped).collect()
    }
}

/// One side of a link.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Linked {
    /// People.
    pub people: Option<u64>,
    /// Of them, those with a link.
    pub linked: Option<u64>,
    /// Which of both is under the minimum cell where `linked` is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nearly: Option<Nearly>,
}

/// How many of a side are linked, where the number is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Nearly {
    /// All but fewer than the minimum cell.
    All,
    /// Fewer than the minimum cell.
    None,
}

impl LinkBook {
    pub(super) fn new(link: &str, report: &LinkReport, minimum: u64) -> Self {
        let shown = |n: u64| (n == 0 || n >= minimum).then_some(n);
        let side = |people: u64, linked: u64| Linked {
            people: shown(people),
            linked: shown(linked).filter(|_| shown(people - linked).is_some()),
            nearly: match (shown(people), shown(linked), shown(people - linked)) {
                (Some(_), Some(_), None) => Some(Nearly::All),
                (Some(_), None, Some(_)) => Some(Nearly::None),
                _ => None,
            },
        };
        Self {
            link: link.to_owned(),
            left: side(report.left_people, report.left_linked),
            right: side(report.right_people, report.right_linked),
            rules: report.rules.iter().map(|rule| (rule.name.clone(), shown(rule.linked))).collect(),
            ambiguous: report
                .rules
                .iter()
                .map(|rule| (rule.name.clone(), shown(rule.ambiguous_left + rule.ambiguous_right)))
                .collect(),
            probable: None,
        }
    }
}

/// A table.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TableBook {
    /// The table.
    pub table: String,
    /// Rows of its model that it counts: all of them.
    pub rows: u64,
    /// Its cells, margins included, times its measures.
    pub cells: u64,
}

impl Books {
    /// The book of a source.
    #[must_use]
    pub fn source(&self, source: &str) -> Option<&SourceBook> {
        self.sources.iter().find(|book| book.source == source)
    }

    /// The book of a link.
    #[must_use]
    pub fn link(&self, name: &str) -> Option<&LinkBook> {
        self.links.iter().find(|book| book.link == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn books_of_earlier_versions_are_read() {
        let old = serde_json::json!({
            "source": "s", "contract": "c", "intake": { "deliveries": [{ "rows_in": 7 }, { "rows_in": 3 }] },
            "duplicates": [], "rows_in": 10, "rejected": 1, "without_person": 2, "rows_out": 7, "people": 5,
        });
        let book: SourceBook = serde_json::from_value(old).expect("a book");
        assert!(book.balances() && book.replaced.is_empty());
        assert_eq!(book.compared(&Delivering::default()), Some(10));
        assert_eq!(book.compared(&Delivering { snapshots: true, ..Delivering::default() }), Some(3));
        assert!(!SourceBook { superseded: 1, ..book }.balances(), "a row in no place, or in two");
    }
}
