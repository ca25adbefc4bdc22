//! Columns of counts that are the categories of a dimension: `Black`, `White`, `Total`.

use std::collections::BTreeSet;

use super::csv::JOIN;
use super::guess::TOTALS;
use super::raw::{RawColumn, RawFile};
use super::words::whole;

/// Columns of one measure that stand across a dimension.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Across {
    /// The upper line of the header, where it has two.
    pub(super) measure: Option<String>,
    /// Category and column, the total last.
    pub(super) columns: Vec<(String, String)>,
    /// The category that is the sum of the others.
    pub(super) total: Option<String>,
}

/// More columns of counts than these are not tried.
const MOST: usize = 200;

/// Finds columns that stand across a dimension: those under one upper name, where a second upper name has the same lower
/// ones or one of them is the sum of the others; or neighbours that add up to a column whose name says that it is a total.
pub(super) fn across(file: &RawFile, counts: &[&RawColumn]) -> Vec<Across> {
    if counts.len() > MOST {
        return Vec::new();
    }
    let under = under_upper_names(file, counts);
    if under.is_empty() { in_neighbours(file, counts) } else { under }
}

fn under_upper_names(file: &RawFile, counts: &[&RawColumn]) -> Vec<Across> {
    let parts = |column: &RawColumn| column.name.split_once(JOIN).map(|(a, b)| (a.to_owned(), b.to_owned()));
    let mut uppers: Vec<String> = counts.iter().filter_map(|column| parts(column)).map(|(upper, _)| upper).collect();
    uppers.dedup();
    let mut found: Vec<Across> = Vec::new();
    for upper in uppers {
        let own: Vec<&&RawColumn> =
            counts.iter().filter(|column| parts(column).is_some_and(|(one, _)| one == upper)).collect();
        if own.len() < 2 {
            continue;
        }
        let total = own.iter().position(|whole| {
            let others: Vec<&RawColumn> = own.iter().filter(|one| one.name != whole.name).map(|one| **one).collect();
            others.len() > 1 && adds_up(file, whole, &others)
        });
        let mut columns: Vec<(String, String)> =
            own.iter().filter_map(|column| Some((parts(column)?.1, column.name.clone()))).collect();
        let total = total.map(|at| columns.remove(at));
        columns.extend(total.clone());
        found.push(Across { measure: Some(upper), columns, total: total.map(|(category, _)| category) });
    }
    let categories = |one: &Across| one.columns.iter().map(|(category, _)| category.clone()).collect::<BTreeSet<_>>();
    let all: Vec<BTreeSet<String>> = found.iter().map(categories).collect();
    let shared = |at: usize| (0..all.len()).any(|other| other != at && all[at].intersection(&all[other]).count() > 1);
    let mut at = 0;
    found.retain(|one| {
        at += 1;
        one.total.is_some() || shared(at - 1)
    });
    // Where one of them has a total, its column in the others is one as well.
    let total = found.iter().find_map(|one| one.total.clone());
    for one in &mut found {
        let named = |(category, _): &(String, String)| Some(category) == total.as_ref();
        if let (None, Some(at)) = (&one.total, one.columns.iter().position(named)) {
            let column = one.columns.remove(at);
            one.columns.push(column);
            one.total.clone_from(&total);
        }
    }
    found
}

fn in_neighbours(file: &RawFile, counts: &[&RawColumn]) -> Vec<Across> {
    let mut found = Vec::new();
    let mut taken: BTreeSet<usize> = BTreeSet::new();
    for (at, whole) in counts.iter().enumerate() {
        if !is_total(&whole.name) || taken.contains(&at) {
            continue;
        }
        let before = (0..at).map(|from| from..at).collect::<Vec<_>>();
        let after = (at + 1..counts.len()).rev().map(|to| at + 1..to + 1).collect::<Vec<_>>();
        let run = before.into_iter().chain(after).find(|run| {
            run.len() > 1 && !run.clone().any(|one| taken.contains(&one)) && adds_up(file, whole, &counts[run.clone()])
        });
        let Some(run) = run else { continue };
        taken.extend(run.clone().chain([at]));
        let mut columns: Vec<(String, String)> =
            counts[run].iter().map(|column| (column.name.clone(), column.name.clone())).collect();
        columns.push((whole.name.clone(), whole.name.clone()));
        found.push(Across { measure: None, columns, total: Some(whole.name.clone()) });
    }
    // Two of them would need one name for what is the same category of both, which names of one line do not tell.
    if found.len() == 1 { found } else { Vec::new() }
}

fn is_total(name: &str) -> bool {
    let name = name.trim().to_lowercase();
    let mut parts = name.split(|character: char| !character.is_alphanumeric());
    TOTALS.contains(&name.as_str()) || parts.any(|part| part == "total" || part == "all")
}

/// Whether a column is the sum of others in each row that prints all of them, and there are at least two such rows.
fn adds_up(file: &RawFile, total: &RawColumn, parts: &[&RawColumn]) -> bool {
    let values = |column: &RawColumn| column.words.iter().map(|word| whole(word.trim())).collect::<Vec<_>>();
    let (totals, words): (_, Vec<_>) = (values(total), parts.iter().map(|part| values(part)).collect());
    let mut rows = 0;
    for row in 0..file.rows {
        let own = parts.iter().zip(&words).map(|(part, words)| words[part.codes[row] as usize]);
        let sum: Option<i64> = own.sum();
        let (Some(sum), Some(all)) = (sum, totals[total.codes[row] as usize]) else { continue };
        if sum != all {
            return false;
        }
        rows += usize::from(all > 0);
    }
    rows > 1
}
