//! How many people of a source have a link, compared with the last run: a fall means that identifiers went bad, which
//! no row by itself can show.

use super::books::{LinkBook, Linked, Nearly};
use crate::error::{Error, Result};
use crate::identity::LinkReport;
use crate::workspace::{Contract, Share};

/// A side of a link.
struct Side<'a> {
    word: &'static str,
    source: &'a str,
    contract: &'a Contract,
    now: (u64, u64),
    shown: &'a Linked,
    last: &'a Linked,
}

/// The sources of a link with their contracts.
pub(super) type Sides<'a> = [(&'a str, &'a Contract); 2];

/// Compares both sides of a link with the last run's book. What is under the minimum cell is compared and not said.
///
/// # Errors
/// `identity.match_rate` where the share of linked people fell by more than the contract's threshold.
pub(super) fn check(
    book: &LinkBook,
    report: &LinkReport,
    last: Option<&LinkBook>,
    sides: Sides<'_>,
    minimum: u64,
) -> Result<()> {
    let Some(last) = last else { return Ok(()) };
    let [(left, left_contract), (right, right_contract)] = sides;
    let sides = [
        Side {
            word: "left",
            source: left,
            contract: left_contract,
            now: (report.left_linked, report.left_people),
            shown: &book.left,
            last: &last.left,
        },
        Side {
            word: "right",
            source: right,
            contract: right_contract,
            now: (report.right_linked, report.right_people),
            shown: &book.right,
            last: &last.right,
        },
    ];
    sides.iter().try_for_each(|side| side.check(&book.link, minimum))
}

impl Side<'_> {
    fn check(&self, link: &str, minimum: u64) -> Result<()> {
        let Self { word, source, contract, .. } = self;
        let (Some(last), (linked, people)) = (at_least(self.last, minimum), self.now) else { return Ok(()) };
        let limit = contract.thresholds.match_rate;
        let now = if people == 0 { 0.0 } else { linked as f64 / people as f64 };
        // A fall of exactly the limit is within it, whatever floating point makes of it.
        if last - now <= limit.0 + 1e-9 {
            return Ok(());
        }
        // Only what the books may say of both runs is said.
        let figures = match (share(self.last), share(self.shown)) {
            (Some(last), Some(now)) => format!(", from {:.1}% to {:.1}%", last * 100.0, now * 100.0),
            _ => String::new(),
        };
        let said = format!(
            "link `{link}`: the share of people on the {word} (source `{source}`) who are linked fell since the last \
             run{figures}; the limit is {} percentage points",
            points(limit)
        );
        Err(Error::data("identity.match_rate", said).with_hint(format!(
            "look whether identifiers changed or are missing in the newest deliveries of both sides; if it is right, \
             raise `thresholds.match_rate` of contract {} for this delivery",
            contract.id
        )))
    }
}

/// The share that was linked at least; none where the book says too little.
fn at_least(side: &Linked, minimum: u64) -> Option<f64> {
    share(side).or_else(|| {
        let people = side.people.filter(|_| side.nearly == Some(Nearly::All))?;
        Some(people.saturating_sub(minimum.saturating_sub(1)) as f64 / people as f64)
    })
}

fn share(side: &Linked) -> Option<f64> {
    let (people, linked) = (side.people?, side.linked?);
    (people > 0).then_some(linked as f64 / people as f64)
}

fn points(limit: Share) -> String {
    limit.to_string().trim_end_matches('%').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contract(limit: &str) -> Contract {
        let yaml = format!(
            "id: c\nversion: 1.0.0\npartner: p\ntitle: t\nformat: {{ type: parquet }}\nfields: []\n\
             thresholds: {{ match_rate: \"{limit}\" }}\n"
        );
        serde_saphyr::from_str(&yaml).expect("a contract")
    }

    fn report(linked: u64, people: u64) -> LinkReport {
        LinkReport {
            left_people: people,
            right_people: 1000,
            left_linked: linked,
            right_linked: linked.min(1000),
            rules: Vec::new(),
        }
    }

    fn checked(last: (u64, u64), now: (u64, u64), limit: &str) -> Result<()> {
        let contract = contract(limit);
        let (last, now) = (report(last.0, last.1), report(now.0, now.1));
        let (before, book) = (LinkBook::new("l", &last, 11), LinkBook::new("l", &now, 11));
        check(&book, &now, Some(&before), [("a", &contract), ("b", &contract)], 11)
    }

    #[test]
    fn a_match_rate_that_falls_beyond_its_limit_stops_the_run() {
        assert!(checked((600, 1000), (500, 1000), "10%").is_ok(), "as much as it may");
        assert!(checked((600, 1000), (900, 1000), "10%").is_ok(), "a rise");
        let error = checked((600, 1000), (499, 1000), "10%").expect_err("a fall");
        assert_eq!((error.code(), error.kind()), ("identity.match_rate", crate::error::Kind::Data));
        let said = error.to_string();
        assert!(said.contains("link `l`") && said.contains("on the left (source `a`)"), "{said}");
        assert!(said.contains("from 60.0% to 49.9%") && said.contains("limit is 10 percentage points"), "{said}");
        assert!(error.hint().expect("a hint").contains("contract c"));
    }

    #[test]
    fn a_match_rate_under_the_minimum_cell_is_compared_and_not_said() {
        // Nearly all were linked: how many were not is hidden.
        assert!(checked((995, 1000), (900, 1000), "10%").is_ok());
        let error = checked((995, 1000), (500, 1000), "10%").expect_err("a fall");
        assert!(!error.to_string().contains("50.0%") && !error.to_string().contains("99.5%"), "{error}");
        // Nearly none are left: how many is hidden.
        let error = checked((600, 1000), (4, 1000), "10%").expect_err("a fall");
        assert!(!error.to_string().contains("0.4%") && !error.to_string().contains("60.0%"), "{error}");
        // So few people that the book says nothing of them.
        assert!(checked((5, 8), (0, 8), "10%").is_ok());
    }
}
