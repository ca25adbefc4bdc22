//! What linkage by probability guarantees, and attacks on its encodings.

use std::collections::HashSet;
use std::sync::Arc;

use datafusion::execution::memory_pool::FairSpillPool;
use proptest::prelude::*;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::super::keyed_hash::KeyedHash;
use super::super::pseudonym::Pseudonym;
use super::encode::{EncodedPeople, LinkEncoder};
use super::engine::{Known, KnownPair, Scored};
use super::model::LinkModel;
use super::outcome::{GroupBy, Outcome, decide};
use super::session::Resources;
use super::spec::LinkageSpec;
use super::trial::LinkTrial;
use crate::error::{Kind, Result};
use crate::workspace::{Assignment, Probabilistic};

mod attacks;
mod queries;

const SPEC: &str = "
compare: { first_name: given_name, last_name: family_name, birth_date: date, sex: exact }
swapped: [first_name, last_name]
blocking:
  - [first_name, last_name]
  - [birth_date]
  - [last_name, birth_date.year]
  - [first_name.nickname, birth_date.year]
";

fn written(more: &str) -> Probabilistic {
    serde_saphyr::from_str(&format!("{SPEC}{more}")).unwrap()
}

fn spec(more: &str) -> LinkageSpec {
    LinkageSpec::resolve("test", &written(more)).unwrap()
}

/// First name, last name, birth date, sex: empty where missing.
type Row = [String; 4];

/// A made-up person number and what is written down about them.
type Side = Vec<(usize, Row)>;

fn person(number: usize) -> Pseudonym {
    let mut bytes = [0; 16];
    // In another order than the numbers.
    bytes[..8].copy_from_slice(&(number as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
    bytes[8..].copy_from_slice(&(number as u64).to_be_bytes());
    Pseudonym(bytes)
}

fn number(person: &Pseudonym) -> usize {
    usize::from_str_radix(&hex::encode(&person.0[8..]), 16).unwrap()
}

fn encoded_with(key: [u8; 32], spec: &LinkageSpec, side: &Side) -> EncodedPeople {
    let mut encoder = LinkEncoder::new(spec, |domain| KeyedHash::new(&key, domain));
    for (who, row) in side {
        encoder.push(person(*who), row.iter().map(|value| (!value.is_empty()).then_some(value.as_str())));
    }
    encoder.finish()
}

fn encoded(spec: &LinkageSpec, side: &Side) -> EncodedPeople {
    encoded_with([7; 32], spec, side)
}

fn resources(threads: usize, memory: usize) -> Resources {
    Resources::new(threads, Arc::new(FairSpillPool::new(memory)), memory as u64)
}

fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap().block_on(future)
}

/// As [`super::engine::score`], on a runtime of its own.
fn score(
    spec: &LinkageSpec,
    left: EncodedPeople,
    right: EncodedPeople,
    assignment: Assignment,
    known: &[KnownPair],
    model: Option<&LinkModel>,
    resources: &Resources,
) -> Result<Scored> {
    wait(super::engine::score(spec, left, right, assignment, known, model, resources))
}

fn scored(spec: &LinkageSpec, (left, right): (&Side, &Side)) -> Scored {
    score(spec, encoded(spec, left), encoded(spec, right), Assignment::OneToOne, &[], None, &resources(2, 1 << 30))
        .unwrap()
}

fn outcome(spec: &LinkageSpec, scored: &Scored) -> Outcome {
    decide(spec, scored, Assignment::OneToOne, &[], 11)
}

/// A source of made-up people with families, and their records of two partners: numbers are equal for the same person.
struct World {
    random: ChaCha8Rng,
}

impl World {
    fn new(seed: u64) -> Self {
        Self { random: ChaCha8Rng::seed_from_u64(seed) }
    }

    fn below(&mut self, n: u64) -> u64 {
        self.random.next_u64() % n
    }

    fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// A name among `names`, the first ones more often.
    fn name(&mut self, names: u64, syllables: u64) -> String {
        const PARTS: [&str; 20] = [
            "MA", "RI", "LO", "KEN", "TA", "SO", "BRA", "LI", "NO", "VE", "DUR", "GAN", "PE", "TRO", "ZI", "HAL", "CO",
            "FEN", "WY", "JU",
        ];
        let mut number = (self.below(names) * self.below(names)) / names + 1;
        let mut name = String::new();
        for _ in 0..syllables {
            name += PARTS[(number % 20) as usize];
            number = number / 20 + number * 7;
        }
        name
    }

    fn date(&mut self, year: u64) -> String {
        format!("{year}-{:02}-{:02}", 1 + self.below(12), 1 + self.below(28))
    }

    /// Families of one to four with one last name; some children are twins.
    fn people(&mut self, count: usize) -> Vec<Row> {
        let mut people: Vec<Row> = Vec::new();
        while people.len() < count {
            let last = self.name(600, 3);
            let mut birth = String::new();
            for _ in 0..=self.below(4) {
                if birth.is_empty() || !self.chance(15) {
                    let year = 1990 + self.below(20);
                    birth = self.date(year);
                }
                let sex = if self.chance(50) { "F" } else { "M" };
                people.push([self.name(200, 2) + sex, last.clone(), birth.clone(), sex.to_owned()]);
            }
        }
        people.truncate(count);
        people
    }

    fn typo(&mut self, text: &str) -> String {
        let mut letters: Vec<char> = text.chars().collect();
        let at = self.below(letters.len() as u64) as usize;
        letters[at] = char::from(b'A' + self.below(26) as u8);
        letters.into_iter().collect()
    }

    fn record(&mut self, truth: &Row) -> Row {
        let mut row = truth.clone();
        if self.chance(6) {
            row[0] = self.typo(&truth[0]);
        }
        if self.chance(6) {
            row[1] = self.typo(&truth[1]);
        }
        match self.below(50) {
            0 => row[2].clear(),
            1 => row[2] = format!("{}-{}-{}", &truth[2][..4], &truth[2][8..], &truth[2][5..7]),
            2 => row[2] = self.date(1990),
            3 => row[0].clear(),
            4 => row[3].clear(),
            5 => row.swap(0, 1),
            _ => {}
        }
        row
    }

    /// The records of two partners: `left` of the people stand in one, and `right` in the other, in percent.
    fn partners(&mut self, people: &[Row], left: u64, right: u64) -> (Side, Side) {
        let mut sides = (Vec::new(), Vec::new());
        for (number, truth) in people.iter().enumerate() {
            if self.chance(left) {
                let record = self.record(truth);
                sides.0.push((number, record));
            }
            if self.chance(right) {
                let record = self.record(truth);
                sides.1.push((number, record));
            }
        }
        sides
    }
}

fn pairs(scored: &Scored) -> Vec<(Pseudonym, Pseudonym, u64)> {
    scored.pairs().map(|(left, right, probability)| (left, right, probability.to_bits())).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 6, ..ProptestConfig::default() })]

    #[test]
    fn links_are_the_same_for_any_order_of_rows_and_any_partitioning(seed: u64, block_size in 5_u64..50) {
        let mut world = World::new(seed);
        let people = world.people(400);
        let (left, right) = world.partners(&people, 80, 80);
        let spec = spec(&format!("block_size: {block_size}"));
        let first = scored(&spec, (&left, &right));
        let shuffled = |side: &Side, world: &mut World| {
            let mut side = side.clone();
            for at in (1..side.len()).rev() {
                side.swap(at, world.below(at as u64 + 1) as usize);
            }
            // A record that comes twice is one.
            side.push(side[0].clone());
            side
        };
        for (threads, batch_rows) in [(1, 8192), (1, 3), (2, 100), (5, 8192), (5, 7)] {
            let sides = (shuffled(&left, &mut world), shuffled(&right, &mut world));
            let (left, right) = (encoded(&spec, &sides.0), encoded(&spec, &sides.1));
            let resources = Resources { batch_rows, ..resources(threads, 1 << 30) };
            let second = score(&spec, left, right, Assignment::OneToOne, &[], None, &resources).unwrap();
            // Probabilities bit by bit.
            prop_assert!(pairs(&first) == pairs(&second), "{threads} partitions, batches of {batch_rows}");
            prop_assert!(first.model == second.model);
            prop_assert!(first.blocking == second.blocking);
            prop_assert_eq!(first.compared, second.compared);
        }
    }

    #[test]
    fn one_to_one_links_nobody_twice(seed: u64, threshold in 0.05_f64..0.95) {
        let mut world = World::new(seed);
        let people = world.people(300);
        let (left, right) = world.partners(&people, 90, 90);
        let spec = spec(&format!("thresholds: {{ link: {threshold}, review: 0.05 }}"));
        let links = outcome(&spec, &scored(&spec, (&left, &right))).links;
        prop_assert_eq!(links.iter().map(|link| link.0).collect::<HashSet<_>>().len(), links.len());
        prop_assert_eq!(links.iter().map(|link| link.1).collect::<HashSet<_>>().len(), links.len());
    }
}

/// Real precision, stated precision and recall of the pairs from `threshold` on.
fn quality(scored: &Scored, sides: (&Side, &Side), threshold: f64) -> (f64, f64, f64) {
    let left: HashSet<usize> = sides.0.iter().map(|one| one.0).collect();
    let matches = sides.1.iter().filter(|one| left.contains(&one.0)).count() as f64;
    let links: Vec<_> = scored.pairs().filter(|pair| pair.2 >= threshold).collect();
    let right = links.iter().filter(|pair| number(&pair.0) == number(&pair.1)).count() as f64;
    let stated: f64 = links.iter().map(|pair| pair.2).sum();
    (right / links.len() as f64, stated / links.len() as f64, right / matches)
}

#[test]
fn stated_precision_is_real_precision() {
    for (seed, left, right) in [(1, 95, 95), (2, 60, 70), (3, 90, 30)] {
        let mut world = World::new(seed);
        let people = world.people(5000);
        let (left, right) = world.partners(&people, left, right);
        let scored = scored(&spec(""), (&left, &right));
        for threshold in [0.5, 0.8, 0.95] {
            let (real, stated, recall) = quality(&scored, (&left, &right), threshold);
            assert!((real - stated).abs() < 0.02, "seed {seed} at {threshold}: real {real:.4}, stated {stated:.4}");
            assert!(recall > 0.9, "seed {seed} at {threshold}: recall {recall:.4}");
        }
    }
}

/// One partner writes all down as it is; of the other's records a sixth are of somebody careless: whoever has an error in one
/// field mostly has one in others, too.
#[test]
fn stated_recall_covers_real_recall_where_errors_come_together() {
    for seed in 31..36 {
        let mut world = World::new(seed);
        let (mut left, mut right) = (Side::new(), Side::new());
        for (number, truth) in world.people(3000).into_iter().enumerate() {
            if world.chance(80) {
                left.push((number, truth.clone()));
            }
            let (mut row, careless) = (truth, world.chance(16));
            for value in row.iter_mut().take(3) {
                *value = if careless && world.chance(45) { world.typo(value) } else { value.clone() };
            }
            if world.chance(80) {
                right.push((number, row));
            }
        }
        let spec = spec("");
        let scored = scored(&spec, (&left, &right));
        let done = outcome(&spec, &scored);
        let lefts: HashSet<usize> = left.iter().map(|one| one.0).collect();
        let matches = right.iter().filter(|one| lefts.contains(&one.0)).count() as f64;
        let found = done.links.iter().filter(|link| number(&link.0) == number(&link.1)).count() as f64;
        let (real, stated) = (found / matches, done.report.recall);
        assert!(stated.low <= real && real <= stated.high, "{seed}: {real:.3} is not in {stated:?}");
        assert!((stated.value - real).abs() < 0.03, "{seed}: {real:.3} is far from {stated:?}");
    }
}

/// Nobody on the left is on the right: all that is there are their brothers, sisters and twins.
#[test]
fn members_of_a_household_are_not_linked() {
    let mut world = World::new(4);
    let people = world.people(4000);
    let (mut left, mut right) = (Vec::new(), Vec::new());
    for (number, truth) in people.iter().enumerate() {
        // Every tenth is on both sides, so that there is something to learn from.
        let (on_left, both) = (world.chance(50), world.chance(10));
        if on_left || both {
            left.push((number, world.record(truth)));
        }
        if !on_left || both {
            right.push((number, world.record(truth)));
        }
    }
    let scored = scored(&spec(""), (&left, &right));
    let (real, stated, _) = quality(&scored, (&left, &right), 0.95);
    assert!(real > 0.95 && (real - stated).abs() < 0.02, "real {real:.4}, stated {stated:.4}");
}

/// One partner holds each family's elder, the other its younger members: within a source there are few to learn from.
#[test]
fn members_of_a_household_are_not_linked_where_each_is_with_another_partner() {
    let mut world = World::new(4);
    let people = world.people(4000);
    let (mut left, mut right) = (Vec::new(), Vec::new());
    for (number, truth) in people.iter().enumerate() {
        if number % 2 == 0 || number % 10 == 1 {
            left.push((number, world.record(truth)));
        }
        if number % 2 == 1 {
            right.push((number, world.record(truth)));
        }
    }
    let spec = spec("");
    let outcome = outcome(&spec, &scored(&spec, (&left, &right)));
    let right = outcome.links.iter().filter(|link| number(&link.0) == number(&link.1)).count();
    let real = right as f64 / outcome.links.len() as f64;
    assert!(real > 0.9, "of {} links {right} are right", outcome.links.len());
    assert!(outcome.report.not_told_apart > 0);
}

/// Other first names alone are no sign of a family that was kept apart: its members are born on other days.
#[test]
fn people_whose_first_name_changed_are_linked_where_the_birth_date_and_the_street_agree() {
    let mut world = World::new(9);
    let people = world.people(3000);
    let (mut left, mut right) = world.partners(&people, 90, 90);
    let street = |number: usize, side: &mut Side| {
        for (of, row) in side.iter_mut().filter(|one| one.0 % 7 == number) {
            row[3] = format!("{} ELM STREET", *of / 4);
        }
    };
    (0..7).for_each(|number| {
        street(number, &mut left);
        street(number, &mut right);
    });
    let renamed: HashSet<usize> = right
        .iter_mut()
        .filter(|one| one.0 % 6 == 0)
        .map(|(of, row)| {
            row[0] = world.name(200, 2) + "X";
            *of
        })
        .collect();
    let spec = spec("");
    let outcome = outcome(&spec, &scored(&spec, (&left, &right)));
    let links: Vec<(usize, usize)> = outcome.links.iter().map(|link| (number(&link.0), number(&link.1))).collect();
    let right = links.iter().filter(|link| link.0 == link.1).count() as f64 / links.len() as f64;
    let found = links.iter().filter(|link| renamed.contains(&link.1)).count() as f64 / renamed.len() as f64;
    assert!(right > 0.98 && found > 0.5, "{right:.4} of the links are right, {found:.3} of the renamed are linked");
}

#[test]
fn nothing_is_linked_automatically_where_nothing_tells_siblings_or_twins_apart() {
    for compare in
        ["{ last_name: family_name, birth_date: date }", "{ first_name: given_name, last_name: family_name }"]
    {
        let yaml = format!("compare: {compare}\nblocking: [[last_name]]\n");
        let mut written: Probabilistic = serde_saphyr::from_str(&yaml).unwrap();
        let refused = LinkageSpec::resolve("test", &written).unwrap_err();
        assert_eq!((refused.kind(), refused.code()), (Kind::Config, "identity.cannot_tell_apart"));
        written.thresholds.link = None;
        LinkageSpec::resolve("test", &written).unwrap();
    }
}

#[test]
fn a_pair_without_first_names_goes_to_review_and_is_not_linked() {
    let mut world = World::new(5);
    let people = world.people(1500);
    let (left, mut right) = world.partners(&people, 100, 100);
    right.iter_mut().step_by(3).for_each(|(_, row)| row[0].clear());
    let spec = spec("");
    let outcome = outcome(&spec, &scored(&spec, (&left, &right)));
    let without: HashSet<usize> = right.iter().filter(|(_, row)| row[0].is_empty()).map(|one| one.0).collect();
    assert!(outcome.links.iter().all(|link| !without.contains(&number(&link.1))));
    assert!(outcome.report.not_told_apart > 100);
    assert!(outcome.report.not_told_apart <= outcome.report.review);
}

#[test]
fn what_is_decided_is_decided() {
    let mut world = World::new(6);
    let people = world.people(800);
    let (left, right) = world.partners(&people, 100, 100);
    let spec = spec("");
    let first = outcome(&spec, &scored(&spec, (&left, &right)));
    let wrong = first.links[3];
    let other = (first.links[10].0, first.links[11].1);
    let known: Vec<KnownPair> = vec![(wrong.0, wrong.1, Known::Different), (other.0, other.1, Known::Same)];
    let again = score(
        &spec,
        encoded(&spec, &left),
        encoded(&spec, &right),
        Assignment::OneToOne,
        &known,
        None,
        &resources(2, 1 << 30),
    );
    let again = outcome(&spec, &again.unwrap());
    assert!(again.links.iter().all(|link| (link.0, link.1) != (wrong.0, wrong.1)));
    assert!(again.links.iter().any(|link| (link.0, link.1) == other));
    assert!(again.review.iter().all(|pair| (pair.left, pair.right) != (wrong.0, wrong.1)));
}

#[test]
fn a_reviewed_model_gives_what_training_gave() {
    let mut world = World::new(7);
    let people = world.people(1500);
    let (left, right) = world.partners(&people, 90, 90);
    let spec = spec("");
    let trained = scored(&spec, (&left, &right));
    let text = serde_json::to_string_pretty(&trained.model).unwrap();
    let model: LinkModel = serde_json::from_str(&text).unwrap();
    assert!(model == trained.model, "the file says all there is to say");
    let (l, r) = (encoded(&spec, &left), encoded(&spec, &right));
    let used = score(&spec, l, r, Assignment::OneToOne, &[], Some(&model), &resources(2, 1 << 30)).unwrap();
    let linked =
        |scored: &Scored| outcome(&spec, scored).links.iter().map(|link| (link.0, link.1)).collect::<HashSet<_>>();
    let (a, b) = (linked(&trained), linked(&used));
    assert!(a.symmetric_difference(&b).count() * 200 < a.len());
}

#[test]
fn a_model_of_other_comparisons_is_refused() {
    let mut world = World::new(8);
    let people = world.people(300);
    let (left, right) = world.partners(&people, 90, 90);
    let model = scored(&spec(""), (&left, &right)).model;
    let other: Probabilistic = serde_saphyr::from_str(
        "compare: { first_name: given_name, last_name: family_name, birth_date: date, sex: text }\nblocking: [[last_name]]\n",
    )
    .unwrap();
    let other = LinkageSpec::resolve("test", &other).unwrap();
    let (l, r) = (encoded(&other, &left), encoded(&other, &right));
    let refused = score(&other, l, r, Assignment::OneToOne, &[], Some(&model), &resources(2, 1 << 30)).err().unwrap();
    assert_eq!(refused.code(), "identity.model");
}

#[test]
fn blocks_that_are_too_large_are_left_out_and_reported() {
    let mut world = World::new(9);
    let people = world.people(500);
    let (left, right) = world.partners(&people, 100, 100);
    let scored = scored(&spec("block_size: 1"), (&left, &right));
    assert!(scored.blocking.iter().any(|rule| rule.blocks_left_out > 0 && rule.pairs_left_out > 0));
    assert!(scored.pairs().count() > 0);
}

#[test]
fn a_person_held_twice_is_linked_once_and_surely() {
    let mut world = World::new(11);
    let people = world.people(2000);
    let (left, mut right) = world.partners(&people, 100, 100);
    // Some people stand on the right a second time, under another number.
    let twice: Side = right.iter().step_by(20).map(|(number, row)| (100_000 + number, row.clone())).collect();
    right.extend(twice.iter().cloned());
    let spec = spec("");
    let links = outcome(&spec, &scored(&spec, (&left, &right))).links;
    let linked: HashSet<usize> = links.iter().map(|link| number(&link.0)).collect();
    let found = twice.iter().filter(|(number, _)| linked.contains(&(number - 100_000))).count();
    assert!(found * 10 > twice.len() * 8, "{found} of {}", twice.len());
}

/// The groups that are reported, of people grouped by their numbers.
fn reported(scored: &Scored, group: &dyn Fn(usize) -> Option<&'static str>) -> Vec<String> {
    let by = [GroupBy { field: "race", right: false, of: Box::new(|person| group(number(person))) }];
    let report = decide(&spec(""), scored, Assignment::OneToOne, &by, 11).report;
    assert!(report.groups.iter().all(|one| one.by == "race"));
    report.groups.into_iter().map(|one| one.group).collect()
}

#[test]
fn groups_under_the_minimum_cell_are_not_reported_nor_follow_from_the_total() {
    let mut world = World::new(12);
    let people = world.people(600);
    let (left, right) = world.partners(&people, 100, 100);
    let scored = scored(&spec(""), (&left, &right));
    let groups = |few: usize, some: usize| {
        move |number: usize| match number {
            _ if number < few => Some("few"),
            _ if number < few + some => Some("some"),
            _ if number < 300 => Some("many"),
            _ => Some("most"),
        }
    };
    assert_eq!(reported(&scored, &groups(0, 40)), ["many", "most", "some"]);
    // The total less the others would be those few: the next smallest is left out with them.
    assert_eq!(reported(&scored, &groups(8, 40)), ["many", "most"]);
    // Two that come to enough together.
    assert_eq!(reported(&scored, &groups(8, 8)), ["many", "most"]);
    // Those of whom nobody knows the group are one, too.
    let unknown = |number: usize| groups(0, 40)(number).filter(|_| number != 100);
    assert_eq!(reported(&scored, &unknown), ["many", "most"]);
    assert_eq!(reported(&scored, &|number| Some(if number < 8 { "few" } else { "rest" })), Vec::<String>::new());
}

#[test]
fn many_to_one_is_one_to_many_turned_round() {
    let mut world = World::new(17);
    let people = world.people(800);
    let (mut left, right) = world.partners(&people, 100, 100);
    // The left holds some people twice.
    let twice: Side = left.iter().step_by(10).map(|(number, row)| (100_000 + number, row.clone())).collect();
    left.extend(twice);
    let spec = spec("");
    let trial = |side: &Side| {
        let mut trial = LinkTrial::new(&spec, &[3; 32]);
        for (who, row) in side {
            trial.push(&who.to_string(), row.iter().map(|value| (!value.is_empty()).then_some(value.as_str())));
        }
        trial
    };
    let small = resources(2, 1 << 30);
    let (many, _) = wait(trial(&left).link(trial(&right), &spec, Assignment::ManyToOne, &small)).unwrap();
    let (one, _) = wait(trial(&right).link(trial(&left), &spec, Assignment::OneToMany, &small)).unwrap();
    let mut turned: Vec<_> = one.iter().map(|(left, right, p)| (*right, *left, p.to_bits())).collect();
    turned.sort_unstable();
    let mut many: Vec<_> = many.iter().map(|(left, right, p)| (*left, *right, p.to_bits())).collect();
    many.sort_unstable();
    assert!(many == turned);
    let lefts: HashSet<_> = many.iter().map(|pair| pair.0).collect();
    let rights: HashSet<_> = many.iter().map(|pair| pair.1).collect();
    assert_eq!(lefts.len(), many.len(), "each on the left has one on the right");
    assert!(rights.len() + 50 < many.len(), "and some on the right have several on the left");
}
