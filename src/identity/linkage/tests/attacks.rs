//! Attacks on encodings: what they show of people to whoever has no key.

use std::collections::{BTreeMap, HashMap};

use super::super::encode::MISSING;
use super::*;

#[test]
fn encodings_and_keys_do_not_show_in_debug() {
    let spec = spec("");
    let side: Side = vec![(1, ["MARIA", "LOPEZ", "2008-02-29", "F"].map(str::to_owned))];
    let mut encoder = LinkEncoder::new(&spec, |domain| KeyedHash::new(&[7; 32], domain));
    encoder.push(person(1), side[0].1.iter().map(|value| Some(value.as_str())));
    assert_eq!(format!("{encoder:?}"), "LinkEncoder(..)");
    assert_eq!(format!("{:?}", encoder.finish()), "EncodedPeople(..)");
}

#[test]
fn encodings_of_two_agreements_do_not_join() {
    let mut world = World::new(13);
    let people = world.people(500);
    let (left, _) = world.partners(&people, 100, 0);
    let spec = spec("");
    let (one, other) = (encoded_with([1; 32], &spec, &left), encoded_with([2; 32], &spec, &left));
    for (one, other) in one.domains.iter().zip(&other.domains) {
        let tokens: HashSet<u64> =
            one.values.iter().flat_map(|value| value.tokens).filter(|token| *token != 0).collect();
        assert!(other.values.iter().flat_map(|value| value.tokens).all(|token| !tokens.contains(&token)));
        // Filters of the same value are no more alike than those of different ones: about as many bits in common as
        // chance gives.
        if one.words > 0 {
            let (mut shared, mut expected) = (0.0, 0.0);
            for at in 0..one.values.len() as u32 {
                let both = one.filter(at).iter().zip(other.filter(at)).map(|(a, b)| (a & b).count_ones()).sum::<u32>();
                let ones = (one.values[at as usize].ones, other.values[at as usize].ones);
                shared += f64::from(both);
                expected += f64::from(ones.0) * f64::from(ones.1) / (64.0 * one.words as f64);
            }
            assert!(shared < 1.5 * expected, "{shared} bits in common, {expected} by chance");
        }
    }
}

const HARDENED: &str = "encoding: { bits: 512, hashes: 6, folds: 1, flips: 0.1, record: true }";

/// The attack of Niedermeyer et al. (2014) and Christen et al. (2018) in its first step: how often encodings occur is
/// held against how often names do, which anybody knows.
fn aligned(spec: &LinkageSpec, side: &Side) -> usize {
    let people = encoded(spec, side);
    let column = if spec.encoding.record { people.fields - 1 } else { 1 };
    let domain = if spec.encoding.record { people.domains.len() - 1 } else { 0 };
    let mut filters: HashMap<Vec<u64>, Vec<usize>> = HashMap::new();
    for (row, person) in people.people.iter().enumerate() {
        let value = people.rows[row * people.fields + column];
        if value != MISSING {
            filters.entry(people.domains[domain].filter(value).to_vec()).or_default().push(number(person));
        }
    }
    let mut names: BTreeMap<&str, usize> = BTreeMap::new();
    side.iter().for_each(|(_, row)| *names.entry(&row[1]).or_default() += 1);
    let mut names: Vec<_> = names.into_iter().filter(|(name, _)| !name.is_empty()).collect();
    names.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let mut filters: Vec<_> = filters.into_values().collect();
    filters.sort_by_key(|people| std::cmp::Reverse(people.len()));
    let truth: HashMap<usize, &str> = side.iter().map(|(number, row)| (*number, row[1].as_str())).collect();
    // The attacker says: the commonest filters are the commonest names. How many of the first five are right?
    let right = filters.iter().zip(&names).take(5).filter(|(people, (name, count))| {
        people.len() > 1 && *count > 1 && people.iter().all(|person| truth[person] == *name)
    });
    right.count()
}

#[test]
fn frequency_alignment_finds_no_name_in_hardened_record_filters() {
    let mut world = World::new(14);
    let mut people = world.people(3000);
    // Five names so frequent that their ranks are plain.
    for (at, row) in people.iter_mut().enumerate() {
        for (rank, name) in ["GARCIA", "NGUYEN", "SMITH", "LOPEZ", "KIM"].iter().enumerate() {
            if at % (11 + 3 * rank) == 0 {
                row[1] = (*name).to_owned();
            }
        }
    }
    let side: Side = people.into_iter().enumerate().collect();
    assert!(aligned(&spec(""), &side) >= 3, "the attack works where each field has its own plain filter");
    // Equal values keep equal filters, however hard: it is the record that hides how often a name occurs.
    assert!(aligned(&spec("encoding: { bits: 512, hashes: 6, folds: 1, flips: 0.1 }"), &side) >= 3);
    assert_eq!(aligned(&spec(HARDENED), &side), 0);
}

/// The attack of Christen et al. (2018): bits that always come together are one letter pair's. Gives how many bits have
/// such a partner.
fn mined(spec: &LinkageSpec, side: &Side) -> usize {
    let people = encoded(spec, side);
    let domain = &people.domains[if spec.encoding.record { people.domains.len() - 1 } else { 0 }];
    let filters: Vec<&[u64]> = (0..domain.values.len() as u32).map(|at| domain.filter(at)).collect();
    let bits = domain.words * 64;
    let columns: Vec<Vec<bool>> =
        (0..bits).map(|bit| filters.iter().map(|filter| filter[bit / 64] >> (bit % 64) & 1 == 1).collect()).collect();
    let ones: Vec<usize> = columns.iter().map(|column| column.iter().filter(|bit| **bit).count()).collect();
    let together = |a: usize, b: usize| columns[a].iter().zip(&columns[b]).filter(|(a, b)| **a && **b).count();
    let enough = filters.len() / 50;
    (0..bits)
        .filter(|&a| {
            ones[a] >= enough
                && (0..bits).any(|b| {
                    let least = ones[a].min(ones[b]);
                    // Far from what two independent bits do.
                    a != b && ones[b] >= enough && {
                        let both = together(a, b);
                        both * 10 >= least * 9 && both * filters.len() >= 2 * ones[a] * ones[b]
                    }
                })
        })
        .count()
}

#[test]
fn pattern_mining_finds_no_letter_pair_in_hardened_record_filters() {
    let mut world = World::new(15);
    let side: Side = world.people(1200).into_iter().enumerate().collect();
    let plain = mined(&spec("encoding: { bits: 512, hashes: 6 }"), &side);
    assert!(plain > 50, "the attack works where each field has its own plain filter: {plain}");
    assert_eq!(mined(&spec(HARDENED), &side), 0);
}

#[test]
fn hardened_record_filters_still_link() {
    let mut world = World::new(16);
    let people = world.people(3000);
    let (left, right) = world.partners(&people, 90, 90);
    let scored = scored(&spec(HARDENED), (&left, &right));
    let (real, stated, recall) = quality(&scored, (&left, &right), 0.8);
    assert!(real > 0.95 && recall > 0.85 && (real - stated).abs() < 0.03, "{real:.4} {stated:.4} {recall:.4}");
}
