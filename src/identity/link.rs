//! Which people of two sources are the same person, by rules in order, on keyed tokens alone.
//!
//! A rule links people that have a token in common. Tokens that several people of one side share are ambiguous and link
//! nobody (with one-to-many, several people on the right are fine; many-to-one is the same turned round). Where a rule's tokens point one person to several,
//! these are ambiguous too. People linked by an earlier rule take no part in later ones (with one-to-many, people on
//! the left may take more; with many-to-many, so may people on the right). Sorted merges throughout: the result does
//! not depend on the order of rows.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use arrow::array::{ArrayRef, FixedSizeBinaryArray, Float64Array, RecordBatch, StringArray};
use arrow::buffer::Buffer;
use arrow::datatypes::{DataType, Field, Schema};

use super::keys::KeyId;
use super::people::{RuleTokens, SourcePeople};
use super::pseudonym::{LinkToken, Pseudonym, WIDTH};
use crate::error::{Error, Result};
use crate::workspace::{Assignment, Link, LinkRule};

/// What stands in the `rule` column of links that no rule made.
pub const BY_PROBABILITY: &str = "probabilistic";

/// The links between two sources.
pub struct Links {
    /// Left person, right person and the place of the rule that linked them; sorted.
    pub pairs: Vec<(Pseudonym, Pseudonym, u16)>,
    /// What was linked and what was not.
    pub report: LinkReport,
    /// Pairs that no rule linked, with their probability; sorted.
    pub probable: Vec<(Pseudonym, Pseudonym, f64)>,
    key: KeyId,
}

/// What a link did. Counts under protection: none may be printed where it is below the minimum cell.
#[derive(Clone, PartialEq, Eq)]
pub struct LinkReport {
    /// Distinct people on the left.
    pub left_people: u64,
    /// Distinct people on the right.
    pub right_people: u64,
    /// People on the left with a link.
    pub left_linked: u64,
    /// People on the right with a link.
    pub right_linked: u64,
    /// Rule by rule, in order.
    pub rules: Vec<RuleReport>,
}

/// What one rule did.
#[derive(Clone, PartialEq, Eq)]
pub struct RuleReport {
    /// The rule's name.
    pub name: String,
    /// Pairs it linked.
    pub linked: u64,
    /// People on the left that agree with somebody on the right, and whom the rule did not link because it is not clear
    /// with whom.
    pub ambiguous_left: u64,
    /// The same of people on the right.
    pub ambiguous_right: u64,
}

/// Links the people of `left` and `right` as `spec` says; `name` is the link's name in the pipeline.
///
/// # Errors
/// `identity.keys_differ` where the pseudonyms of the two sides were made by other keys (another agreement or epoch);
/// `identity.normalisers_differ` where the two contracts normalise a field of a rule in two ways.
pub fn link(spec: &Link, left: &SourcePeople, right: &SourcePeople, name: &str) -> Result<Links> {
    one_key(left, right, name)?;
    if spec.assignment == Assignment::ManyToOne {
        let turned = Link { assignment: Assignment::OneToMany, ..spec.clone() };
        return Ok(link(&turned, right, left, name)?.turned());
    }
    let mut linker = Linker::new(spec.assignment, left, right);
    for (index, rule) in spec.rules.iter().enumerate() {
        let place = u16::try_from(index)
            .map_err(|_| Error::config("identity.rules", format!("link {name} has more than 65536 rules")))?;
        let (left, right) = (tokens(left, name, index, rule)?, tokens(right, name, index, rule)?);
        if left.normalisers != right.normalisers {
            return Err(Error::config(
                "identity.normalisers_differ",
                format!("the fields of rule {} of link {name} are normalised in two ways", rule.name),
            )
            .with_hint("give the fields the same `normalise` in both contracts"));
        }
        linker.apply(place, rule, &left.pairs, &right.pairs);
    }
    Ok(linker.finish(left.key.clone()))
}

/// Refuses to compare people whose pseudonyms and encodings two keys made.
pub(super) fn one_key(left: &SourcePeople, right: &SourcePeople, link: &str) -> Result<()> {
    if left.key == right.key {
        return Ok(());
    }
    Err(Error::config(
        "identity.keys_differ",
        format!("link {link} would mix pseudonyms of {} and {}", left.key, right.key),
    )
    .with_hint("run both sources under one agreement and one epoch of its key"))
}

fn tokens<'a>(people: &'a SourcePeople, name: &str, index: usize, rule: &LinkRule) -> Result<&'a RuleTokens> {
    let found = people.rules.iter().find(|one| one.link == name && one.rule == index && one.fields == rule.fields);
    found.ok_or_else(|| Error::internal("identity.seam", format!("rule {} of link {name} has no tokens", rule.name)))
}

/// One side: its people and which of them are linked.
struct Side<'a> {
    people: &'a [Pseudonym],
    linked: Vec<bool>,
}

impl<'a> Side<'a> {
    fn new(people: &'a [Pseudonym]) -> Self {
        Self { people, linked: vec![false; people.len()] }
    }

    fn place(&self, person: Pseudonym) -> usize {
        self.people.binary_search(&person).expect("a person with a token is one of the source's people")
    }

    fn is_linked(&self, person: Pseudonym) -> bool {
        self.linked[self.place(person)]
    }

    fn mark(&mut self, person: Pseudonym) {
        let place = self.place(person);
        self.linked[place] = true;
    }

    fn linked(&self) -> u64 {
        self.linked.iter().filter(|&&linked| linked).count() as u64
    }
}

struct Linker<'a> {
    assignment: Assignment,
    left: Side<'a>,
    right: Side<'a>,
    pairs: Vec<(Pseudonym, Pseudonym, u16)>,
    rules: Vec<RuleReport>,
}

/// What a rule's tokens say before conflicts are settled.
#[derive(Default)]
struct Found {
    pairs: Vec<(Pseudonym, Pseudonym)>,
    /// People that have a token in common with the other side, with repeats.
    left: Vec<Pseudonym>,
    right: Vec<Pseudonym>,
}

type Tokens = [(LinkToken, Pseudonym)];

impl<'a> Linker<'a> {
    fn new(assignment: Assignment, left: &'a SourcePeople, right: &'a SourcePeople) -> Self {
        let (left, right) = (Side::new(&left.people), Side::new(&right.people));
        Self { assignment, left, right, pairs: Vec::new(), rules: Vec::new() }
    }

    fn apply(&mut self, place: u16, rule: &LinkRule, left: &Tokens, right: &Tokens) {
        let mut found = self.find(left, right);
        self.settle(&mut found.pairs);
        for &(left, right) in &found.pairs {
            self.left.mark(left);
            self.right.mark(right);
            self.pairs.push((left, right, place));
        }
        self.rules.push(RuleReport {
            name: rule.name.clone(),
            linked: found.pairs.len() as u64,
            ambiguous_left: distinct(found.left) - distinct(found.pairs.iter().map(|pair| pair.0).collect()),
            ambiguous_right: distinct(found.right) - distinct(found.pairs.iter().map(|pair| pair.1).collect()),
        });
    }

    /// Merges the two sorted lists of tokens.
    fn find(&self, left: &Tokens, right: &Tokens) -> Found {
        let mut found = Found::default();
        let mut groups = right.chunk_by(|a, b| a.0 == b.0).peekable();
        for group in left.chunk_by(|a, b| a.0 == b.0) {
            let token = group[0].0;
            while groups.next_if(|other| other[0].0 < token).is_some() {}
            if let Some(other) = groups.next_if(|other| other[0].0 == token) {
                self.compare(group, other, &mut found);
            }
        }
        found
    }

    /// The people on both sides that share one token.
    fn compare(&self, left: &Tokens, right: &Tokens, found: &mut Found) {
        let one_to_one = self.assignment == Assignment::OneToOne;
        let people = |group: &Tokens| group.iter().map(|pair| pair.1).collect::<Vec<_>>();
        let (mut left, mut right) = (people(left), people(right));
        let many = self.assignment == Assignment::ManyToMany;
        if !many {
            right.retain(|&person| !self.right.is_linked(person));
        }
        if one_to_one {
            left.retain(|&person| !self.left.is_linked(person));
        }
        if left.is_empty() || right.is_empty() {
            return;
        }
        if many || left.len() == 1 && (right.len() == 1 || !one_to_one) {
            found.pairs.extend(left.iter().flat_map(|&left| right.iter().map(move |&right| (left, right))));
        }
        found.left.append(&mut left);
        found.right.append(&mut right);
    }

    /// Drops pairs of people whom different tokens pair with different people.
    fn settle(&self, pairs: &mut Vec<(Pseudonym, Pseudonym)>) {
        pairs.sort_unstable();
        pairs.dedup();
        if self.assignment == Assignment::ManyToMany {
            // What an earlier rule linked already is not linked again.
            let known: BTreeSet<_> = self.pairs.iter().map(|pair| (pair.0, pair.1)).collect();
            pairs.retain(|pair| !known.contains(pair));
            return;
        }
        let right = repeated(pairs.iter().map(|pair| pair.1).collect());
        let left = match self.assignment {
            Assignment::OneToOne => repeated(pairs.iter().map(|pair| pair.0).collect()),
            Assignment::OneToMany | Assignment::ManyToOne | Assignment::ManyToMany => Vec::new(),
        };
        pairs.retain(|pair| left.binary_search(&pair.0).is_err() && right.binary_search(&pair.1).is_err());
    }

    fn finish(mut self, key: KeyId) -> Links {
        self.pairs.sort_unstable();
        let report = LinkReport {
            left_people: self.left.people.len() as u64,
            right_people: self.right.people.len() as u64,
            left_linked: self.left.linked(),
            right_linked: self.right.linked(),
            rules: self.rules,
        };
        Links { pairs: self.pairs, probable: Vec::new(), report, key }
    }
}

/// How many different people there are.
fn distinct(mut people: Vec<Pseudonym>) -> u64 {
    people.sort_unstable();
    people.dedup();
    people.len() as u64
}

/// The people that are there more than once, sorted.
fn repeated(mut people: Vec<Pseudonym>) -> Vec<Pseudonym> {
    people.sort_unstable();
    people.chunk_by(PartialEq::eq).filter(|group| group.len() > 1).map(|group| group[0]).collect()
}

impl Links {
    /// The same links with left and right changed round.
    pub(super) fn turned(mut self) -> Self {
        self.pairs = self.pairs.into_iter().map(|(left, right, rule)| (right, left, rule)).collect();
        self.pairs.sort_unstable();
        self.probable = self.probable.into_iter().map(|(left, right, p)| (right, left, p)).collect();
        self.probable.sort_unstable_by_key(|pair| (pair.0, pair.1));
        let report = &mut self.report;
        std::mem::swap(&mut report.left_people, &mut report.right_people);
        std::mem::swap(&mut report.left_linked, &mut report.right_linked);
        report.rules.iter_mut().for_each(|rule| std::mem::swap(&mut rule.ambiguous_left, &mut rule.ambiguous_right));
        self
    }

    /// No link yet, between the same sides.
    pub(super) fn none_of(of: &Self) -> Self {
        let report = of.report.clone();
        Self { pairs: Vec::new(), probable: Vec::new(), report, key: of.key.clone() }
    }

    /// Adds pairs linked by probability, and takes back those of rules that somebody found `apart`; both are sorted.
    pub(super) fn take_probable(
        &mut self,
        probable: Vec<(Pseudonym, Pseudonym, f64)>,
        apart: &[(Pseudonym, Pseudonym)],
    ) {
        self.pairs.retain(|pair| apart.binary_search(&(pair.0, pair.1)).is_err());
        self.probable = probable;
        let pairs = || {
            let rules = self.pairs.iter().map(|pair| (pair.0, pair.1));
            rules.chain(self.probable.iter().map(|pair| (pair.0, pair.1)))
        };
        self.report.left_linked = distinct(pairs().map(|pair| pair.0).collect());
        self.report.right_linked = distinct(pairs().map(|pair| pair.1).collect());
    }

    /// The links as SQL reads them: `left_person` and `right_person` (`FixedSizeBinary(16)`), `rule` (its name, or
    /// `probabilistic`), `probability` (1 where a rule linked).
    ///
    /// # Errors
    /// An internal error where they do not fit into one batch.
    pub fn to_batch(&self) -> Result<RecordBatch> {
        let names = &self.report.rules;
        let rules = self.pairs.iter().map(|pair| names[usize::from(pair.2)].name.as_str());
        let rules = rules.chain(self.probable.iter().map(|_| BY_PROBABILITY));
        let probabilities = self.pairs.iter().map(|_| 1.0).chain(self.probable.iter().map(|pair| pair.2));
        let columns: Vec<ArrayRef> = vec![
            people_column(self.pairs.iter().map(|pair| &pair.0).chain(self.probable.iter().map(|pair| &pair.0)))?,
            people_column(self.pairs.iter().map(|pair| &pair.1).chain(self.probable.iter().map(|pair| &pair.1)))?,
            Arc::new(StringArray::from_iter_values(rules)),
            Arc::new(Float64Array::from_iter_values(probabilities)),
        ];
        let person = DataType::FixedSizeBinary(WIDTH as i32);
        let fields = vec![
            Field::new("left_person", person.clone(), false),
            Field::new("right_person", person, false),
            Field::new("rule", DataType::Utf8, false),
            Field::new("probability", DataType::Float64, false),
        ];
        let metadata = self.key.metadata().into_iter().collect();
        RecordBatch::try_new(Arc::new(Schema::new_with_metadata(fields, metadata)), columns).map_err(|_| too_many())
    }
}

fn people_column<'a>(people: impl Iterator<Item = &'a Pseudonym>) -> Result<ArrayRef> {
    let bytes: Vec<u8> = people.flat_map(|person| person.0).collect();
    FixedSizeBinaryArray::try_new(WIDTH as i32, Buffer::from_vec(bytes), None)
        .map(|column| Arc::new(column) as ArrayRef)
        .map_err(|_| too_many())
}

fn too_many() -> Error {
    Error::internal("identity.arrow", "the links do not fit into one batch")
}

impl fmt::Debug for Links {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Links({}, ..)", self.key)
    }
}

impl fmt::Debug for LinkReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LinkReport(..)")
    }
}

impl fmt::Debug for RuleReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RuleReport({}, ..)", self.name)
    }
}
