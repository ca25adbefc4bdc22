//! Links, clerical work and an honest report, from scored pairs.
//!
//! Estimates: the expected number of right links is the sum of their probabilities; the matches that are not linked are
//! the sum over the candidates that are not, and those that no blocking rule gave, of which the errors seen in single
//! fields tell, and how many rules give a match. Intervals are Wilson's (1927) at 95 %; that of recall reaches from none of
//! the unseen matches to three times as many as the larger estimate says.

use std::collections::{BTreeMap, HashSet};

use super::super::pseudonym::Pseudonym;
use super::blocking::BlockingReport;
use super::compare::{self, Compared, NOTHING};
use super::engine::{Candidate, Known, Scored, Unseen};
use super::spec::LinkageSpec;
use crate::workspace::{Assignment, CompareAs};

/// A pair for clerical review: pseudonyms and levels of agreement, no value of anybody.
#[derive(Clone, PartialEq)]
pub struct ReviewPair {
    /// The person on the left.
    pub left: Pseudonym,
    /// The person on the right.
    pub right: Pseudonym,
    /// How probable it is that they are the same.
    pub probability: f64,
    /// Each compared field and how it agrees.
    pub levels: Vec<(String, &'static str)>,
}

/// A share with its interval, all between 0 and 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// The estimate.
    pub value: f64,
    /// The lower end of its interval.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

/// The quality of a link among the people of a group of the source on the left.
#[derive(Clone, PartialEq)]
pub struct GroupQuality {
    /// The field whose value the group is.
    pub by: String,
    /// The group's name.
    pub group: String,
    /// Share of the links that are right.
    pub precision: Estimate,
    /// Share of the matches that are linked.
    pub recall: Estimate,
}

/// What linkage by probability did. Counts under protection: none may be printed where it is below the minimum cell.
#[derive(Clone, PartialEq)]
pub struct ProbabilityReport {
    /// Pairs compared, each once.
    pub compared: u64,
    /// Blocking, rule by rule.
    pub blocking: Vec<BlockingReport>,
    /// Pairs linked, those of rules not counted.
    pub linked: u64,
    /// Pairs for clerical review.
    pub review: u64,
    /// Of them, pairs probable enough that were not linked because nothing in them tells siblings or twins apart.
    pub not_told_apart: u64,
    /// Pairs left aside because a source holds a person twice.
    pub duplicates: u64,
    /// Share of all links that are right.
    pub precision: Estimate,
    /// Share of the matches that are linked.
    pub recall: Estimate,
    /// The same by group, in the order of fields and names. Groups under the minimum cell are not among them, and where
    /// those left out come to less than it, the smallest others are not either: else they would follow from the total.
    pub groups: Vec<GroupQuality>,
}

/// Gives the group of a person.
pub(crate) type GroupOf<'a> = Box<dyn Fn(&Pseudonym) -> Option<&'a str> + 'a>;

/// A field by whose values a link reports.
pub(crate) struct GroupBy<'a> {
    pub(crate) field: &'a str,
    /// Whether its people are those on the right.
    pub(crate) right: bool,
    /// The group of a person.
    pub(crate) of: GroupOf<'a>,
}

/// Links and what is left to do.
pub(crate) struct Outcome {
    /// Pairs linked by probability, rules' own pairs not among them; sorted.
    pub(crate) links: Vec<(Pseudonym, Pseudonym, f64)>,
    /// Pairs for clerical review; sorted.
    pub(crate) review: Vec<ReviewPair>,
    /// What was done.
    pub(crate) report: ProbabilityReport,
}

/// Draws the links from what was scored. It is reported by the groups of `by`; `minimum` is the smallest number of people
/// that may be shown.
#[must_use]
pub(crate) fn decide(
    spec: &LinkageSpec,
    scored: &Scored,
    assignment: Assignment,
    by: &[GroupBy<'_>],
    minimum: u64,
) -> Outcome {
    let mut chosen = choose(spec, scored, assignment);
    chosen.links.sort_unstable();
    chosen.review.sort_unstable();
    let pair = |at: &usize| {
        let one = &scored.candidates[*at];
        (scored.left[one.left as usize], scored.right[one.right as usize], one.probability)
    };
    let links = chosen.links.iter().filter(|at| scored.candidates[**at].known != Some(Known::ByRule)).map(pair);
    let review = chosen.review.iter().map(|at| {
        let (left, right, probability) = pair(at);
        ReviewPair { left, right, probability, levels: levels(spec, scored, &scored.candidates[*at]) }
    });
    let (links, review): (Vec<_>, Vec<_>) = (links.collect(), review.collect());
    let linked = |at: usize| chosen.links.binary_search(&at).is_ok();
    let all = Tally::of(scored.candidates.iter().enumerate().map(|(at, one)| (one, linked(at))));
    let unseen = scored.unseen;
    let groups = by.iter().flat_map(|by| {
        let shown = shown_groups(groups(scored, by, &linked), minimum);
        shown.into_iter().map(|(group, tally)| {
            let share = if all.matches > 0.0 { tally.matches / all.matches } else { 0.0 };
            let (precision, recall) = (tally.precision(), tally.recall(unseen.times(share)));
            GroupQuality { by: by.field.to_owned(), group, precision, recall }
        })
    });
    let report = ProbabilityReport {
        compared: scored.compared,
        blocking: scored.blocking.clone(),
        linked: links.len() as u64,
        review: review.len() as u64,
        not_told_apart: chosen.not_told_apart,
        duplicates: scored.candidates.iter().filter(|one| one.duplicate).count() as u64,
        precision: all.precision(),
        recall: all.recall(unseen),
        groups: groups.collect(),
    };
    Outcome { links, review, report }
}

/// A group: its pairs, and its people.
#[derive(Default)]
struct Group {
    tally: Tally,
    people: HashSet<u32>,
}

/// The groups of a field, with one for those who have none.
fn groups<'a>(scored: &Scored, by: &GroupBy<'a>, linked: &dyn Fn(usize) -> bool) -> BTreeMap<Option<&'a str>, Group> {
    let mut groups: BTreeMap<Option<&'a str>, Group> = BTreeMap::new();
    for (at, one) in scored.candidates.iter().enumerate() {
        let (person, number) = if by.right {
            (&scored.right[one.right as usize], one.right)
        } else {
            (&scored.left[one.left as usize], one.left)
        };
        let group = groups.entry((by.of)(person)).or_default();
        group.tally.add(one, linked(at));
        group.people.insert(number);
    }
    groups
}

/// The groups that may be shown beside the total, in the order of names.
fn shown_groups(groups: BTreeMap<Option<&str>, Group>, minimum: u64) -> Vec<(String, Tally)> {
    let least = minimum as f64;
    let enough = |people: usize, links: f64| people as u64 >= minimum && links >= least;
    let (mut shown, mut hidden) = (Vec::new(), (0, 0.0));
    for (name, group) in groups {
        let (people, links) = (group.people.len(), group.tally.links);
        match name.filter(|_| enough(people, links)) {
            Some(name) => shown.push((name.to_owned(), people, group.tally)),
            None => hidden = (hidden.0 + people, hidden.1 + links),
        }
    }
    // What is left out is the total less what is shown: it must not be small either.
    while hidden.0 > 0 && !enough(hidden.0, hidden.1) {
        let smallest = shown.iter().enumerate().min_by(|a, b| a.1.2.links.total_cmp(&b.1.2.links)).map(|(at, _)| at);
        let Some(smallest) = smallest else { break };
        let (_, people, tally) = shown.remove(smallest);
        hidden = (hidden.0 + people, hidden.1 + tally.links);
    }
    shown.into_iter().map(|(name, _, tally)| (name, tally)).collect()
}

/// Places of candidates.
#[derive(Default)]
struct Chosen {
    links: Vec<usize>,
    review: Vec<usize>,
    not_told_apart: u64,
}

fn choose(spec: &LinkageSpec, scored: &Scored, assignment: Assignment) -> Chosen {
    let mut chosen = Chosen::default();
    let candidates = &scored.candidates;
    let mut order: Vec<usize> = (0..candidates.len()).filter(|at| !candidates[*at].duplicate).collect();
    order.sort_by(|a, b| candidates[*b].probability.total_cmp(&candidates[*a].probability).then(a.cmp(b)));
    let mut left = vec![false; scored.left.len()];
    let mut right = vec![false; scored.right.len()];
    let automatic = spec.thresholds.link.unwrap_or(f64::INFINITY);
    for at in order {
        let one = &candidates[at];
        let taken = match assignment {
            Assignment::OneToOne => left[one.left as usize] || right[one.right as usize],
            Assignment::OneToMany => right[one.right as usize],
            Assignment::ManyToOne => left[one.left as usize],
            Assignment::ManyToMany => false,
        };
        let decided = matches!(one.known, Some(Known::ByRule | Known::Same));
        if taken && !decided || one.known == Some(Known::Different) {
            continue;
        }
        let probable = one.probability >= automatic;
        let apart = decided || told_apart(scored, one);
        // Above one half pairs never exclude each other. Below, the likelier would win by nothing: a matter for review.
        let alone = decided || one.probability > 0.5 || assignment == Assignment::ManyToMany;
        if decided || probable && apart && alone {
            left[one.left as usize] = true;
            right[one.right as usize] = true;
            chosen.links.push(at);
        } else if one.probability >= spec.thresholds.review {
            chosen.not_told_apart += u64::from(probable && !apart);
            chosen.review.push(at);
        }
    }
    chosen
}

/// Whether something in the pair tells brothers and sisters apart, and does not say that they are: a first or middle name or an
/// identifier is there on both sides, first names that are not alike are not what the model took for a likeness, and birth dates
/// that are not alike do not come with them.
fn told_apart(scored: &Scored, one: &Candidate) -> bool {
    let columns = &scored.columns;
    let mut levels = vec![0; columns.len()];
    compare::levels_of(one.pattern, columns, &mut levels);
    let other_names = compare::any(columns, &levels, compare::unlike_given_names);
    let other_dates = compare::any(columns, &levels, compare::unlike_dates);
    let same_identifier = compare::any(columns, &levels, compare::same_identifiers);
    if other_names && (scored.siblings || other_dates && !same_identifier) {
        return false;
    }
    compare::any(columns, &levels, |column, level| {
        let kinds = [CompareAs::GivenName, CompareAs::Initial, CompareAs::Identifier];
        level != NOTHING && kinds.iter().any(|kind| column == Compared::Field(*kind))
    })
}

fn levels(spec: &LinkageSpec, scored: &Scored, one: &Candidate) -> Vec<(String, &'static str)> {
    let mut levels = vec![0; scored.columns.len()];
    compare::levels_of(one.pattern, &scored.columns, &mut levels);
    let names = spec.fields.iter().map(|field| field.name.clone()).chain(["all fields".to_owned()]);
    names
        .zip(scored.columns.iter().zip(levels))
        .map(|(name, (column, level))| (name, compare::level_name(*column, level)))
        .collect()
}

/// Sums over pairs.
#[derive(Clone, Copy, Default)]
struct Tally {
    links: f64,
    right: f64,
    matches: f64,
}

impl Tally {
    fn of<'a>(pairs: impl Iterator<Item = (&'a Candidate, bool)>) -> Self {
        let mut tally = Self::default();
        pairs.for_each(|(one, linked)| tally.add(one, linked));
        tally
    }

    fn add(&mut self, one: &Candidate, linked: bool) {
        if linked {
            self.links += 1.0;
            self.right += one.probability;
        }
        self.matches += one.probability;
    }

    fn precision(&self) -> Estimate {
        wilson(self.right, self.links)
    }

    fn recall(&self, unseen: Unseen) -> Estimate {
        Estimate {
            value: wilson(self.right, self.matches + unseen.about).value,
            low: wilson(self.right, self.matches + unseen.at_most).low,
            high: wilson(self.right, self.matches).high,
        }
    }
}

/// A share of `of` with its interval at 95 %.
fn wilson(share: f64, of: f64) -> Estimate {
    const Z: f64 = 1.959_964;
    if of <= 0.0 {
        return Estimate { value: 0.0, low: 0.0, high: 1.0 };
    }
    let p = (share / of).clamp(0.0, 1.0);
    let centre = (p + Z * Z / (2.0 * of)) / (1.0 + Z * Z / of);
    let reach = Z / (1.0 + Z * Z / of) * (p * (1.0 - p) / of + Z * Z / (4.0 * of * of)).sqrt();
    Estimate { value: p, low: (centre - reach).max(0.0), high: (centre + reach).min(1.0) }
}
