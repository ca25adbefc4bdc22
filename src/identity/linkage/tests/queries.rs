//! The queries of a link beside trying all pairs, and their memory.

use std::collections::{BTreeMap, BTreeSet};

use super::super::blocking::{self, Keys, rules_of};
use super::super::compare::{self, Comparer, Pattern};
use super::super::model::Weights;
use super::super::session::{Blocks, Session};
use super::super::sides::Sides;
use super::super::vector::{Between, Likely, Pairs};
use super::*;

/// A session over two sides, and its blocks.
struct Linked {
    session: Session,
    comparer: Arc<Comparer>,
    keys: [Vec<Vec<u32>>; 2],
    blocks: Blocks,
}

fn each_row(keys: &Keys, rows: usize) -> Vec<Vec<u32>> {
    (0..rows as u32).map(|row| keys.of(row).to_vec()).collect()
}

async fn linked(spec: &LinkageSpec, sides: (&Side, &Side), resources: &Resources) -> Linked {
    let session = Session::new("test", resources).unwrap();
    let (sides, hashes) = Sides::new(spec, encoded(spec, sides.0), encoded(spec, sides.1));
    let keys = blocking::numbered(hashes, resources.threads);
    let each = [each_row(&keys[0], sides.left.len()), each_row(&keys[1], sides.right.len())];
    let blocks = session.blocks(keys, spec.block_size, &spec.blocking_names).await.unwrap();
    let comparer = Arc::new(Comparer::new(spec, Arc::new(sides)));
    Linked { session, comparer, keys: each, blocks }
}

/// What a rule gives, by trying all pairs: how many, how many in blocks that are too large, and the patterns of those that
/// no rule before it gives.
struct Tried {
    pairs: u64,
    left_out: u64,
    patterns: BTreeMap<Pattern, u64>,
}

fn tried(linked: &Linked, rule: usize, between: Between, block_size: usize) -> Tried {
    let sides = linked.comparer.sides();
    let (one, other, left, right) = match between {
        Between::Sides => (&sides.left, &sides.right, &linked.keys[0], &linked.keys[1]),
        Between::Left => (&sides.left, &sides.left, &linked.keys[0], &linked.keys[0]),
        Between::Right => (&sides.right, &sides.right, &linked.keys[1], &linked.keys[1]),
    };
    let size = |rows: &Vec<Vec<u32>>, rule: usize, key: u32| rows.iter().filter(|keys| keys[rule] == key).count();
    let mut found = Tried { pairs: 0, left_out: 0, patterns: BTreeMap::new() };
    for (l, a) in left.iter().enumerate() {
        for (r, b) in right.iter().enumerate() {
            if between != Between::Sides && l >= r {
                continue;
            }
            let agree = |rule: usize| a[rule] != 0 && a[rule] == b[rule];
            let small = |rule: usize| size(left, rule, a[rule]).max(size(right, rule, a[rule])) <= block_size;
            if agree(rule) && small(rule) {
                found.pairs += 1;
                let twice = between != Between::Sides && one.people[l] == other.people[r];
                if !twice && !(0..rule).any(|rule| agree(rule) && small(rule)) {
                    let pattern = linked.comparer.pattern(one.row(l as u32), other.row(r as u32));
                    *found.patterns.entry(pattern).or_default() += 1;
                }
            } else if agree(rule) {
                found.left_out += 1;
            }
        }
    }
    found
}

#[test]
fn the_pairs_and_their_counts_are_those_of_trying_all() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    for (seed, block_size, threads) in [(21, 1, 1), (22, 1000, 2), (23, 1, 5)] {
        let mut world = World::new(seed);
        let people = world.people(150);
        let (left, mut right) = world.partners(&people, 90, 80);
        // Some people with two records.
        let more: Side = right.iter().step_by(9).map(|(who, _)| (*who, world.record(&people[*who]))).collect();
        right.extend(more);
        let spec = spec(&format!("block_size: {block_size}"));
        let linked = runtime.block_on(linked(&spec, (&left, &right), &resources(threads, 1 << 30)));
        for between in [Between::Sides, Between::Left, Between::Right] {
            let keys = linked.blocks.keys.clone();
            let pairs = Pairs { comparer: Arc::clone(&linked.comparer), keys, between };
            let mut within = 0;
            for rule in 0..spec.blocking.len() {
                let tried = tried(&linked, rule, between, block_size);
                let counts = runtime.block_on(linked.session.count_patterns(&pairs, rule, 1)).unwrap();
                assert_eq!(counts, tried.patterns.into_iter().collect::<Vec<_>>(), "{between:?}, rule {rule}");
                within += tried.pairs;
                if between == Between::Sides {
                    let report = &linked.blocks.report[rule];
                    assert_eq!((report.pairs, report.pairs_left_out), (tried.pairs, tried.left_out), "rule {rule}");
                }
            }
            match between {
                Between::Sides => assert_eq!(linked.blocks.pairs(), within),
                Between::Left => assert_eq!(linked.blocks.within[0], within),
                Between::Right => assert_eq!(linked.blocks.within[1], within),
            }
        }
        let left_out: u64 = linked.blocks.report.iter().map(|rule| rule.blocks_left_out).sum();
        assert_eq!(left_out > 0, block_size < 100, "blocks of more than {block_size}");
    }
}

#[test]
fn likely_pairs_are_those_of_trying_all_each_once() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    let mut world = World::new(26);
    let people = world.people(250);
    let (left, right) = world.partners(&people, 90, 80);
    let spec = spec("block_size: 20");
    let model = scored(&spec, (&left, &right)).model;
    let linked = runtime.block_on(linked(&spec, (&left, &right), &resources(2, 1 << 30)));
    let (comparer, keys) = (Arc::clone(&linked.comparer), linked.blocks.keys.clone());
    let pairs = Pairs { comparer: Arc::clone(&comparer), keys: keys.clone(), between: Between::Sides };
    let patterns = compare::patterns(&comparer.columns).unwrap();
    let odds = 1e-5;
    let likely = Arc::new(Likely::new(Weights::of_model(&spec, &model).unwrap(), patterns, odds));
    let mut found = BTreeSet::new();
    for rule in 0..spec.blocking.len() {
        let each = |l, r, pattern| {
            assert!(found.insert((l, r, pattern)), "a pair comes up once");
            Ok(())
        };
        runtime.block_on(linked.session.each_likely(&pairs, rule, &likely, each)).unwrap();
    }
    let (mut compared, mut wanted) = (0, BTreeSet::new());
    let sides = comparer.sides();
    for (l, r) in (0..sides.left.len() as u32).flat_map(|l| (0..sides.right.len() as u32).map(move |r| (l, r))) {
        if rules_of(keys[0].of(l), keys[1].of(r)) == 0 {
            continue;
        }
        compared += 1;
        let (left, right) = (sides.left.row(l), sides.right.row(r));
        let pattern = comparer.pattern(left, right);
        let expected = likely.expected(pattern);
        let others = expected.random * f64::from(comparer.adjust(left, right)) + expected.near;
        if expected.same * odds >= 1e-3 * others {
            wanted.insert((l, r, pattern));
        }
    }
    assert_eq!(likely.compared(), compared);
    assert!(found == wanted && !wanted.is_empty() && (wanted.len() as u64) < compared);
}

#[test]
fn a_sample_is_of_whole_blocks_and_the_same_on_any_partitioning() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    let mut world = World::new(24);
    let people = world.people(400);
    let (left, right) = world.partners(&people, 90, 80);
    let spec = spec("");
    let mut samples = BTreeSet::new();
    for threads in [1, 2, 5] {
        let linked = runtime.block_on(linked(&spec, (&left, &right), &resources(threads, 1 << 30)));
        let keys = linked.blocks.keys.clone();
        let pairs = Pairs { comparer: Arc::clone(&linked.comparer), keys, between: Between::Sides };
        let counts = |one_in| runtime.block_on(linked.session.count_patterns(&pairs, 1, one_in)).unwrap();
        let (all, sample) = (counts(1), counts(3));
        let total = |counts: &[(Pattern, u64)]| counts.iter().map(|one| one.1).sum::<u64>();
        assert!(total(&sample) * 5 > total(&all) && total(&sample) * 2 < total(&all));
        samples.insert(sample);
    }
    assert_eq!(samples.len(), 1);
}

#[test]
fn a_link_that_does_not_fit_into_memory_is_refused_and_says_what_to_do() {
    let mut world = World::new(10);
    let people = world.people(500);
    let (left, right) = world.partners(&people, 100, 100);
    let spec = spec("");
    let link = |memory| {
        let (left, right) = (encoded(&spec, &left), encoded(&spec, &right));
        let held = 2 * (left.bytes() + right.bytes()) + 64 * 500 * 2;
        let resources = resources(2, memory);
        let done = score(&spec, left, right, Assignment::OneToOne, &[], None, &resources);
        (done.map(|scored| pairs(&scored)), held, resources.pool.reserved())
    };
    let whole = link(1 << 30).0.unwrap();
    let (mut encodings, mut queries, mut links) = (0, 0, 0);
    let mut try_with = |memory| {
        let (done, held, reserved) = link(memory);
        assert_eq!(reserved, 0, "all is given back");
        match &done {
            Ok(found) => {
                assert!(*found == whole);
                links += 1;
            }
            Err(refused) => {
                assert_eq!((refused.kind(), refused.code()), (Kind::Failed, "identity.memory"));
                assert!(refused.to_string().contains(&format!("{} MiB", memory >> 20)), "{refused}");
                assert!(refused.hint().unwrap().contains("engine.memory_limit"));
                if memory > held { queries += 1 } else { encodings += 1 }
            }
        }
        done.is_ok()
    };
    // From far too little to plenty, and closer and closer to what is just enough.
    let (mut little, mut enough) = (1 << 12, 1 << 29);
    for step in 0..16 {
        // The queries ask for little beside the encodings.
        let middle = if step % 2 == 0 { little + (enough - little) / 8 } else { little + (enough - little) / 2 };
        if try_with(middle) { enough = middle } else { little = middle }
    }
    assert!(encodings > 0 && queries > 0 && links > 0, "{encodings}, {queries}, {links}");
}

#[test]
fn no_plan_of_a_link_shows_a_key_or_an_encoding() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let mut world = World::new(25);
    let people = world.people(60);
    let (left, right) = world.partners(&people, 90, 80);
    let spec = spec("");
    let linked = runtime.block_on(linked(&spec, (&left, &right), &resources(2, 1 << 30)));
    let keys = linked.blocks.keys.clone();
    assert!(rules_of(keys[0].of(0), keys[0].of(0)) > 0);
    let pairs = Pairs { comparer: Arc::clone(&linked.comparer), keys, between: Between::Sides };
    let plan = linked.session.plan(&pairs, 0).unwrap();
    assert!(plan.contains("comparison_vector") && plan.contains("Inner Join"), "{plan}");
    let values = linked.comparer.sides().domains.iter().flat_map(|domain| domain.values.iter());
    let tokens: Vec<u64> = values.flat_map(|value| value.tokens).filter(|token| *token != 0).collect();
    assert!(!tokens.is_empty() && !tokens.iter().any(|token| plan.contains(&token.to_string())));
}
