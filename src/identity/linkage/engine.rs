//! The link of two encoded sides, from blocking to probabilities.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::execution::memory_pool::MemoryReservation;

use super::super::pseudonym::Pseudonym;
use super::blocking::{self, BlockingReport, Keys, rules_of};
use super::calibrate::Calibration;
use super::compare::{self, ByPattern, Compared, Comparer, Pattern};
use super::encode::EncodedPeople;
use super::matching::{self, Edge, MOST};
use super::model::{Expected, LinkModel, Weights};
use super::session::{Blocks, Counts, Phase, Resources, Session};
use super::sides::{Rows, Sides};
use super::spec::LinkageSpec;
use super::train::{self, Observed};
use super::vector::{Between, Likely, Pairs};
use crate::error::{Error, Result};
use crate::workspace::{Assignment, CompareAs};

/// Pairs compared for training, about.
const TRAINING_PAIRS: u64 = 3_000_000;

/// From which probability on two of a source's people are taken for one person twice.
const TWICE: f64 = 0.5;

/// The share of matches that may have unlike first names where no birth dates are compared. Where there are more, the model has
/// taken brothers and sisters for the same, and pairs with unlike first names are not linked without a look.
const UNLIKE: f64 = 0.1;

/// The same where birth dates are compared. Brothers and sisters who are with different partners are born on other days; twins
/// are with the same one, as a rule, and are learned there. So other first names alone may be what they are, up to a point.
const UNLIKE_DATED: f64 = 0.25;

/// The share of matches that may have both unlike first names and unlike birth dates.
const UNLIKE_BOTH: f64 = 0.05;

/// Rounds in which single pairs, the number of links and the levels' shares come to agree.
const ROUNDS: usize = 6;

/// A pair that may be the same person.
#[derive(Clone, Debug)]
pub(super) struct Candidate {
    /// Places of the people among their side's distinct people.
    pub(super) left: u32,
    pub(super) right: u32,
    pub(super) pattern: Pattern,
    /// What the frequency of the equal values makes of random agreement.
    adjust: f32,
    /// How many blocking rules give it.
    pub(super) rules: u8,
    pub(super) known: Option<Known>,
    pub(super) probability: f64,
    /// A source holds one of the two people twice, and another pair stands for this one.
    pub(super) duplicate: bool,
}

/// Decided already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Known {
    /// A rule linked the pair.
    ByRule,
    /// Clerical review found that the two are the same.
    Same,
    /// Clerical review found that the two are not the same.
    Different,
}

impl Edge for Candidate {
    fn left(&self) -> u32 {
        self.left
    }
    fn right(&self) -> u32 {
        self.right
    }
}

/// A pair of people that is known to be the same or not.
pub(crate) type KnownPair = (Pseudonym, Pseudonym, Known);

/// What the comparison of two sides gave.
pub(crate) struct Scored {
    pub(super) left: Vec<Pseudonym>,
    pub(super) right: Vec<Pseudonym>,
    pub(super) candidates: Vec<Candidate>,
    pub(super) columns: Vec<compare::Compared>,
    /// The model that was used.
    pub(crate) model: LinkModel,
    /// What blocking gave and left out.
    pub(crate) blocking: Vec<BlockingReport>,
    /// Pairs compared to score them, each once.
    pub(crate) compared: u64,
    /// Whether pairs with unlike first names may be brothers and sisters, for all that the model says.
    pub(super) siblings: bool,
    /// How many matches no blocking rule gave.
    pub(super) unseen: Unseen,
    /// The memory of the candidates, reserved as long as they are there.
    _held: MemoryReservation,
}

impl Scored {
    /// All pairs that may be the same person, with their probability; sorted by people.
    #[cfg(test)]
    pub(super) fn pairs(&self) -> impl Iterator<Item = (Pseudonym, Pseudonym, f64)> {
        let pair = |one: &Candidate| (self.left[one.left as usize], self.right[one.right as usize], one.probability);
        self.candidates.iter().map(pair)
    }
}

/// Compares and scores. `known` are pairs decided beforehand.
///
/// # Errors
/// `identity.memory` where the encodings do not fit into the memory of `resources`; `identity.model` where `model` is of
/// other comparisons; `identity.linkage` where there are too many comparisons for one link.
pub(crate) async fn score(
    spec: &LinkageSpec,
    left: EncodedPeople,
    right: EncodedPeople,
    assignment: Assignment,
    known: &[KnownPair],
    model: Option<&LinkModel>,
    resources: &Resources,
) -> Result<Scored> {
    let columns = compare::columns(spec);
    let patterns = compare::patterns(&columns).ok_or_else(|| {
        Error::config("identity.linkage", format!("link {} compares too many fields", spec.link))
            .with_hint("compare fewer fields")
    })?;
    let session = Session::new(&spec.link, resources)?;
    resources.begin(Phase::Block);
    let (rows, rules) = (left.people.len() + right.people.len(), spec.blocking.len());
    let hashes = size_of::<u64>() * rules * rows;
    // The two sides as they are and joined, while they are joined.
    session.hold(2 * (left.bytes() + right.bytes()) + hashes)?;
    let (sides, of_rows) = Sides::new(spec, left, right);
    session.hold(sides.bytes() + 2 * hashes + Keys::bytes_to_number(rows, rules, resources.threads))?;
    let keys = blocking::numbered(of_rows, resources.threads);
    let held = sides.bytes() + keys.iter().map(Keys::bytes).sum::<usize>();
    session.hold(held)?;
    let comparer = Arc::new(Comparer::new(spec, Arc::new(sides)));
    let sides = comparer.sides();
    let blocks = session.blocks(keys, spec.block_size, &spec.blocking_names).await?;
    let (left, right) = (People::of(&sides.left), People::of(&sides.right));
    resources.begin(Phase::Train);
    let mut weights = match model {
        Some(model) => Weights::of_model(spec, model)?,
        None => trained(spec, &session, &comparer, &blocks, assignment).await?,
    };
    let prior = weights.same.clone();
    let pairs = Pairs { comparer: Arc::clone(&comparer), keys: blocks.keys.clone(), between: Between::Sides };
    resources.begin(Phase::Compare);
    let (mut candidates, compared) = candidates(&session, &pairs, &weights, (&left, &right), patterns, held).await?;
    resources.begin(Phase::Decide);
    decide(&mut candidates, known, &left, &right);
    if assignment != Assignment::ManyToMany {
        set_aside(&mut candidates, &sides.right, &right, &comparer, &weights, false);
        if assignment == Assignment::OneToOne {
            candidates.sort_by_key(|one| (one.right, one.left));
            set_aside(&mut candidates, &sides.left, &left, &comparer, &weights, true);
            candidates.sort_by_key(|one| (one.left, one.right));
        }
    }
    let sizes = (left.distinct.len() as f64, right.distinct.len() as f64);
    let mut links = (weights.overlap * sizes.0.min(sizes.1)).max(1.0);
    for round in 0..ROUNDS {
        links = probabilities(&mut candidates, &weights, links, sizes, assignment);
        if model.is_none() && round + 1 < ROUNDS {
            train::learn_again(&mut weights, candidates.iter().map(|one| (one.pattern, one.probability)), &prior);
        }
    }
    let decisions: Vec<(f64, bool)> = reviewed(&mut candidates, &weights, links, sizes, assignment);
    if !decisions.is_empty() {
        let line = Calibration::fitted(&decisions);
        probabilities(&mut candidates, &weights, links, sizes, assignment);
        let open = candidates.iter_mut().filter(|one| one.known.is_none());
        open.for_each(|one| one.probability = line.of(one.probability));
    }
    weights.overlap = (links / sizes.0.min(sizes.1).max(1.0)).min(1.0);
    let siblings = siblings_taken_for_the_same(&candidates, &comparer.columns);
    let missed = missed_by_blocking(spec, sides, &candidates, &left, &right);
    let unseen =
        Unseen::of(links * missed / (1.0 - missed).max(0.1), unseen_by_rules(&candidates, spec.blocking.len()));
    let candidates_held = candidates.capacity() * size_of::<Candidate>();
    Ok(Scored {
        left: left.distinct,
        right: right.distinct,
        candidates,
        columns: comparer.columns.clone(),
        model: weights.to_model(spec),
        blocking: blocks.report,
        compared,
        siblings,
        unseen,
        _held: session.into_held(candidates_held)?,
    })
}

/// Whether more matches have unlike first names, or these and unlike birth dates, than people are called by other names.
fn siblings_taken_for_the_same(candidates: &[Candidate], columns: &[Compared]) -> bool {
    let (mut matches, mut unlike, mut both) = (0.0, 0.0, 0.0);
    let mut levels = vec![0; columns.len()];
    for one in candidates.iter().filter(|one| one.known.is_none()) {
        compare::levels_of(one.pattern, columns, &mut levels);
        matches += one.probability;
        if compare::any(columns, &levels, compare::unlike_given_names) {
            unlike += one.probability;
            if compare::any(columns, &levels, compare::unlike_dates) {
                both += one.probability;
            }
        }
    }
    let dated = columns.contains(&Compared::Field(CompareAs::Date));
    unlike > matches * if dated { UNLIKE_DATED } else { UNLIKE } || both > matches * UNLIKE_BOTH
}

/// The distinct people of a side and whose each row is.
struct People {
    distinct: Vec<Pseudonym>,
    of_row: Vec<u32>,
}

impl People {
    fn of(rows: &Rows) -> Self {
        let mut distinct: Vec<Pseudonym> = Vec::new();
        let of_row = rows.people.iter().map(|person| {
            if distinct.last() != Some(person) {
                distinct.push(*person);
            }
            distinct.len() as u32 - 1
        });
        let of_row = of_row.collect();
        Self { distinct, of_row }
    }

    fn first_row(&self, person: u32) -> u32 {
        self.of_row.partition_point(|&one| one < person) as u32
    }
}

async fn trained(
    spec: &LinkageSpec,
    session: &Session,
    comparer: &Arc<Comparer>,
    blocks: &Blocks,
    assignment: Assignment,
) -> Result<Weights> {
    let sides = comparer.sides();
    let of = |between| Pairs { comparer: Arc::clone(comparer), keys: blocks.keys.clone(), between };
    let wanted = train::random_pairs(sides.left.len(), sides.right.len());
    let random = train::random_shares(comparer, &session.count_random(&of(Between::Sides), spec.seed, wanted).await?);
    let likely = train::expected_shares(comparer, &random, 0.9);
    let mut weights = Weights {
        columns: comparer.columns.clone(),
        swapped: spec.swapped,
        same: likely.clone(),
        random,
        near: Vec::new(),
        twice: (0.0, likely),
        overlap: 0.5,
    };
    let rules = spec.blocking.len();
    let (left, right) = (sides.left.len() as f64, sides.right.len() as f64);
    let mut observed = Observed {
        between: Vec::new(),
        within: vec![Vec::new(); rules],
        all_between: left * right,
        all_within: 0.0,
        common_at_most: if assignment == Assignment::OneToOne { left.min(right) } else { right },
    };
    let (pairs, one_in) = (of(Between::Sides), one_in(blocks.pairs()));
    let mut between = Counts::new();
    for rule in 0..rules {
        between.extend(session.count_patterns(&pairs, rule, one_in).await?);
    }
    observed.between = scaled(added_up(between), one_in);
    // A side that may hold several records of a person says nothing about two people.
    let sources: &[(Between, &Rows, u64)] =
        &[(Between::Left, &sides.left, blocks.within[0]), (Between::Right, &sides.right, blocks.within[1])];
    let sources = if assignment == Assignment::OneToOne { sources } else { &sources[..1] };
    for &(source, rows, pairs) in sources {
        let one_in = self::one_in(pairs);
        for (rule, observed) in observed.within.iter_mut().enumerate() {
            observed.extend(scaled(session.count_patterns(&of(source), rule, one_in).await?, one_in));
        }
        observed.all_within += rows.len() as f64 * (rows.len() as f64 - 1.0) / 2.0;
    }
    let duplicates = train::expected_shares(comparer, &weights.random, 0.97);
    train::learn_near_misses(&mut weights, &observed, &duplicates);
    let prior = weights.same.clone();
    let same = train::learn_same(&mut weights, &observed, &prior);
    weights.overlap = same / left.min(right).max(1.0);
    Ok(weights)
}

/// Of how many blocks one is compared for training.
fn one_in(pairs: u64) -> u64 {
    (pairs / TRAINING_PAIRS).max(1)
}

/// Each pattern once.
fn added_up(mut counts: Counts) -> Counts {
    counts.sort_unstable();
    counts.dedup_by(|next, kept| {
        let same = next.0 == kept.0;
        kept.1 += if same { next.1 } else { 0 };
        same
    });
    counts
}

fn scaled(counts: Counts, by: u64) -> Vec<(Pattern, f64)> {
    counts.into_iter().map(|(pattern, count)| (pattern, (count * by) as f64)).collect()
}

/// All pairs that are not unlikely; sorted by people, each pair of people once. `held` bytes are held besides.
async fn candidates(
    session: &Session,
    pairs: &Pairs,
    weights: &Weights,
    people: (&People, &People),
    patterns: Pattern,
    held: usize,
) -> Result<(Vec<Candidate>, u64)> {
    let all = (people.0.distinct.len() as f64, people.1.distinct.len() as f64);
    let links = (weights.overlap * all.0.min(all.1)).max(1.0);
    // The most that exclusion may add to the odds.
    let odds = prior_odds(links, all, Assignment::OneToOne);
    let likely = Arc::new(Likely::new(weights.clone(), patterns, odds));
    let (comparer, sides) = (&pairs.comparer, pairs.comparer.sides());
    let mut candidates: Vec<Candidate> = Vec::new();
    for rule in 0..pairs.keys[0].rules() {
        let found = |l, r, pattern| {
            if candidates.len() == candidates.capacity() {
                // The list moves to one of twice the size.
                session.hold(held + (3 * candidates.len() + 4) * size_of::<Candidate>())?;
            }
            let adjust = comparer.adjust(sides.left.row(l), sides.right.row(r));
            let expected = likely.expected(pattern);
            let others = expected.random * f64::from(adjust) + expected.near;
            candidates.push(Candidate {
                left: people.0.of_row[l as usize],
                right: people.1.of_row[r as usize],
                pattern,
                adjust,
                rules: rules_of(pairs.keys[0].of(l), pairs.keys[1].of(r)),
                known: None,
                probability: expected.same / others.max(f64::MIN_POSITIVE),
                duplicate: false,
            });
            Ok(())
        };
        session.each_likely(pairs, rule, &likely, found).await?;
    }
    // Of several rows of a person the likeliest counts.
    candidates.sort_unstable_by(|a, b| {
        let by_people = (a.left, a.right).cmp(&(b.left, b.right));
        by_people
            .then_with(|| b.probability.total_cmp(&a.probability))
            .then_with(|| a.pattern.cmp(&b.pattern))
            .then_with(|| a.adjust.total_cmp(&b.adjust))
            .then_with(|| a.rules.cmp(&b.rules))
    });
    candidates.dedup_by(|next, kept| (next.left, next.right) == (kept.left, kept.right));
    Ok((candidates, likely.compared()))
}

/// The odds of a pair before anything is compared, given how many links there are: each person has one partner at most,
/// so that whoever has none yet is the likelier to have this one.
fn prior_odds(links: f64, people: (f64, f64), assignment: Assignment) -> f64 {
    let free = |people: f64| (people - links).max(1.0 + 0.001 * people);
    match assignment {
        Assignment::OneToOne => links / (free(people.0) * free(people.1)),
        Assignment::OneToMany => links / (people.0 * free(people.1)),
        // Such links are turned round before they come here.
        Assignment::ManyToOne => links / (free(people.0) * people.1),
        Assignment::ManyToMany => links / (people.0 * people.1),
    }
}

/// Sets the candidates' probabilities; gives how many links they add up to.
fn probabilities(
    candidates: &mut [Candidate],
    weights: &Weights,
    links: f64,
    people: (f64, f64),
    assignment: Assignment,
) -> f64 {
    let before = prior_odds(links, people, assignment);
    let mut known: ByPattern<Expected> = ByPattern::default();
    let mut odds = Vec::with_capacity(candidates.len());
    for one in candidates.iter() {
        let expected = known.entry(one.pattern).or_insert_with(|| weights.expected(&weights.levels(one.pattern)));
        let others = expected.random * f64::from(one.adjust) + expected.near;
        odds.push(match one.known {
            Some(Known::ByRule | Known::Same) => MOST,
            Some(Known::Different) => 0.0,
            None if one.duplicate => 0.0,
            None => (before * expected.same / others.max(f64::MIN_POSITIVE)).min(MOST),
        });
    }
    let marginals = matching::marginals(candidates, &odds, (people.0 as usize, people.1 as usize), assignment);
    candidates.iter_mut().zip(marginals).for_each(|(one, probability)| one.probability = probability);
    candidates.iter().map(|one| one.probability).sum::<f64>().max(1.0)
}

/// Matches that nobody has seen, by two estimates. Where errors come together, that of independent errors is too small;
/// where rules look at different fields, that of how many rules give a match is too large.
#[derive(Clone, Copy, Default)]
pub(super) struct Unseen {
    /// Between the two.
    pub(super) about: f64,
    /// Three times the larger: what no pair shows may be worse than either.
    pub(super) at_most: f64,
}

impl Unseen {
    fn of(one: f64, other: f64) -> Self {
        Self { about: (one + other) / 2.0, at_most: 3.0 * one.max(other) }
    }

    /// Of a share of the matches.
    pub(super) fn times(self, share: f64) -> Self {
        Self { about: self.about * share, at_most: self.at_most * share }
    }
}

/// How many matches satisfy no blocking rule, by how many satisfy one alone and two. Each rule is an occasion to catch them.
///
/// Reference: Chao (1987), Estimating the population size for capture-recapture data with unequal catchability.
fn unseen_by_rules(candidates: &[Candidate], rules: usize) -> f64 {
    let given_by = |count: u8| {
        let matches = candidates.iter().filter(|one| one.rules == count && one.probability > 0.01);
        matches.map(|one| one.probability).sum::<f64>()
    };
    let (once, twice, occasions) = (given_by(1), given_by(2), rules as f64);
    (occasions - 1.0) / occasions * once * (once - 1.0).max(0.0) / (2.0 * (twice + 1.0))
}

/// The share of matches that satisfy no blocking rule, were errors in one field independent of errors in another: how
/// often a match differs in which parts of a field is known from the matches that were found.
fn missed_by_blocking(
    spec: &LinkageSpec,
    sides: &Sides,
    candidates: &[Candidate],
    left: &People,
    right: &People,
) -> f64 {
    // A digest of a match's equal parts, field by field; weights in whole millionths, so that their order is nothing.
    let mut masks: Vec<BTreeMap<u32, u64>> = vec![BTreeMap::new(); spec.fields.len()];
    for one in candidates.iter().filter(|one| one.probability > 0.01) {
        let l = sides.left.row(left.first_row(one.left));
        let r = sides.right.row(right.first_row(one.right));
        for (at, masks) in masks.iter_mut().enumerate() {
            *masks.entry(sides.equal_parts(at, l[at], r[at])).or_default() += (one.probability * 1e6) as u64;
        }
    }
    // Rules not yet satisfied after each field: a set of rules by bit, and the probability of being there.
    let rules = spec.blocking.len();
    let mut states = BTreeMap::from([((1_u64 << rules) - 1, 1.0_f64)]);
    for (at, masks) in masks.iter().enumerate() {
        let all: u64 = masks.values().sum();
        let mut next: BTreeMap<u64, f64> = BTreeMap::new();
        for (state, share) in &states {
            for (mask, weight) in masks {
                let broken = (0..rules).filter(|rule| {
                    spec.blocking[*rule].iter().any(|(field, part)| *field == at && mask >> *part as u32 & 1 == 0)
                });
                let kept = broken.fold(*state, |state, rule| state & !(1 << rule));
                *next.entry(kept).or_default() += share * *weight as f64 / all.max(1) as f64;
            }
        }
        next.retain(|_, share| *share > 1e-9);
        states = next;
    }
    states.get(&0).copied().unwrap_or(0.0)
}

/// What the model says of the pairs that somebody reviewed, before it is told, and what was found.
fn reviewed(
    candidates: &mut [Candidate],
    weights: &Weights,
    links: f64,
    people: (f64, f64),
    assignment: Assignment,
) -> Vec<(f64, bool)> {
    let by_review = |one: &Candidate| matches!(one.known, Some(Known::Same | Known::Different)) && one.rules > 0;
    let found: Vec<(usize, Option<Known>)> =
        candidates.iter().enumerate().filter(|(_, one)| by_review(one)).map(|(at, one)| (at, one.known)).collect();
    if found.is_empty() {
        return Vec::new();
    }
    found.iter().for_each(|(at, _)| candidates[*at].known = None);
    probabilities(candidates, weights, links, people, assignment);
    let decisions = found.iter().map(|(at, known)| (candidates[*at].probability, *known == Some(Known::Same)));
    let decisions = decisions.collect();
    found.iter().for_each(|(at, known)| candidates[*at].known = *known);
    decisions
}

/// Pairs of a person with somebody whom the other source holds twice do not exclude each other: both are right. The
/// likelier one (of equals the first by pseudonym) stands for both, and the other is set aside. `candidates` are sorted
/// by the ends that are not of `rows`; their probabilities still are odds by themselves.
fn set_aside(
    candidates: &mut [Candidate],
    rows: &Rows,
    people: &People,
    comparer: &Comparer,
    weights: &Weights,
    left: bool,
) {
    let end = |one: &Candidate| if left { one.left } else { one.right };
    let fixed = |one: &Candidate| if left { one.right } else { one.left };
    for pairs in candidates.chunk_by_mut(|a, b| fixed(a) == fixed(b)) {
        if pairs.len() == 1 {
            continue;
        }
        let mut order: Vec<(f64, usize)> = pairs.iter().map(|one| one.probability).zip(0..).collect();
        order.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        for (at, &(_, one)) in order.iter().enumerate().skip(1) {
            let row = rows.row(people.first_row(end(&pairs[one])));
            let twin = order[..at].iter().any(|&(_, other)| {
                let other = &pairs[other];
                let pattern = comparer.pattern(rows.row(people.first_row(end(other))), row);
                !other.duplicate && weights.twice(pattern) > TWICE
            });
            pairs[one].duplicate |= twin && pairs[one].known.is_none();
        }
    }
}

/// Marks the candidates that are decided already, and adds those that no blocking rule gave.
fn decide(candidates: &mut Vec<Candidate>, known: &[KnownPair], left: &People, right: &People) {
    let place = |people: &People, person: &Pseudonym| people.distinct.binary_search(person).ok().map(|at| at as u32);
    let mut added = Vec::new();
    for (l, r, known) in known {
        let (Some(l), Some(r)) = (place(left, l), place(right, r)) else { continue };
        match candidates.binary_search_by_key(&(l, r), |one| (one.left, one.right)) {
            Ok(at) => candidates[at].known = Some(*known),
            Err(_) if *known != Known::Different => added.push(Candidate {
                left: l,
                right: r,
                pattern: 0,
                adjust: 1.0,
                rules: 0,
                known: Some(*known),
                probability: 1.0,
                duplicate: false,
            }),
            Err(_) => {}
        }
    }
    candidates.extend(added);
    candidates.sort_by_key(|one| (one.left, one.right));
    candidates.dedup_by_key(|one| (one.left, one.right));
}
