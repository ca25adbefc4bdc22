//! Training without labels. What chance gives comes from random pairs; what likeness without identity gives comes from
//! pairs within each source, where two people are never the same; what is left between the sources is the same people,
//! and expectation-maximisation finds how their levels are distributed.
//!
//! All sums run over patterns in order and over whole counts, so that the model is the same on any partitioning.
//!
//! References: Fellegi & Sunter (1969); Winkler (1988) on EM over pattern counts; Winkler (1993) and Blakely & Salmond
//! (2002) on the share of false links that chance alone explains.

use super::compare::{Comparer, EQUAL, EQUAL_LEVELS, NOTHING, Pattern};
use super::encode::MISSING;
use super::model::{Shares, Weights, normalised};
use super::sides::Rows;

/// Random pairs.
const RANDOM_PAIRS: u64 = 1 << 20;

/// The share of people that a source is taken to hold twice before anything is known.
const DUPLICATES: f64 = 0.01;

/// How many near misses of a kind what is seen within the sources counts for: so many, and this share of what is
/// expected.
const NEAR_PAIRS: f64 = 5.0;
const NEAR_HELD: f64 = 0.5;

/// Rounds of expectation-maximisation.
const ROUNDS: usize = 80;

/// What training knows about the pairs. Counts are of all pairs, scaled up where a sample was compared.
pub(super) struct Observed {
    pub(super) between: Vec<(Pattern, f64)>,
    /// By the blocking rule that gave the pair first.
    pub(super) within: Vec<Vec<(Pattern, f64)>>,
    /// All pairs there are, compared or not.
    pub(super) all_between: f64,
    pub(super) all_within: f64,
    /// People that the two sides can have in common at most.
    pub(super) common_at_most: f64,
}

/// How many pairs to draw at random among so many of the left and the right.
pub(super) fn random_pairs(left: usize, right: usize) -> u64 {
    RANDOM_PAIRS.min(4 * left as u64 * right as u64)
}

/// How the levels of random pairs are distributed, given patterns drawn at random. Equal values are counted exactly.
pub(super) fn random_shares(comparer: &Comparer, drawn: &[(Pattern, u64)]) -> Shares {
    let mut shares: Shares = comparer.columns.iter().map(|column| vec![0.0; column.levels() as usize]).collect();
    let mut levels = vec![0; comparer.columns.len()];
    for &(pattern, count) in drawn {
        super::compare::levels_of(pattern, &comparer.columns, &mut levels);
        for (shares, &level) in shares.iter_mut().zip(&levels) {
            shares[level as usize] += count as f64;
        }
    }
    for (at, shares) in shares.iter_mut().enumerate() {
        let (equal, missing) = equal_shares(comparer, at);
        // Half a pair for levels that were never drawn, so that nothing is impossible.
        shares.iter_mut().skip(1).for_each(|count| *count += 0.5);
        let others: f64 = shares.iter().skip((EQUAL + EQUAL_LEVELS) as usize).sum();
        let left_over = (1.0 - missing - equal.iter().sum::<f64>()).max(1e-12);
        shares.iter_mut().skip((EQUAL + EQUAL_LEVELS) as usize).for_each(|count| *count *= left_over / others);
        shares[EQUAL as usize..(EQUAL + EQUAL_LEVELS) as usize].copy_from_slice(&equal);
        shares[NOTHING as usize] = missing;
    }
    shares
}

/// Shares of pairs whose values are equal, by level, and of pairs in which one is missing.
fn equal_shares(comparer: &Comparer, column: usize) -> ([f64; EQUAL_LEVELS as usize], f64) {
    let sides = comparer.sides();
    let values = sides.domains[sides.columns[column]].values.len();
    let count = |rows: &Rows| {
        let mut counts = vec![0_u32; values];
        let mut there = 0_u64;
        for row in rows.values.chunks_exact(rows.width).filter(|row| row[column] != MISSING) {
            counts[row[column] as usize] += 1;
            there += 1;
        }
        (counts, there)
    };
    let ((left, left_there), (right, right_there)) = (count(&sides.left), count(&sides.right));
    let all = sides.left.len() as f64 * sides.right.len() as f64;
    let mut equal = [0.0; EQUAL_LEVELS as usize];
    for (value, (l, r)) in left.iter().zip(&right).enumerate() {
        equal[comparer.bin(column, value as u32)] += f64::from(*l) * f64::from(*r);
    }
    // At least as if one pair were equal.
    equal.iter_mut().for_each(|pairs| *pairs = pairs.max(0.5) / all.max(1.0));
    (equal, 1.0 - (left_there as f64 * right_there as f64) / all.max(1.0))
}

/// What agreement looks like before anything is learned: nearly all values equal, as frequent as they are.
pub(super) fn expected_shares(comparer: &Comparer, random: &Shares, equal: f64) -> Shares {
    let sides = comparer.sides();
    let column = |(at, random): (usize, &Vec<f64>)| {
        let mut shares: Vec<f64> = random.iter().map(|_| 0.0).collect();
        let rest = (EQUAL + EQUAL_LEVELS) as usize;
        for (value, frequency) in sides.frequencies[at].iter().enumerate() {
            shares[EQUAL as usize + comparer.bin(at, value as u32)] += f64::from(*frequency) * equal;
        }
        let others = (random.len() - rest) as f64;
        shares[rest..].iter_mut().for_each(|share| *share = (1.0 - equal) / others);
        shares[EQUAL as usize..rest].iter_mut().for_each(|share| *share = share.max(1e-9));
        normalised(&mut shares, random[NOTHING as usize]);
        shares
    };
    random.iter().enumerate().map(column).collect()
}

/// Adds weight to the levels of a pattern.
fn add(shares: &mut Shares, levels: &[u32], weight: f64) {
    shares.iter_mut().zip(levels).for_each(|(shares, &level)| shares[level as usize] += weight);
}

/// Sums of weights as shares, drawn towards `prior` by so many pairs.
pub(super) fn estimated(mut sums: Shares, prior: &Shares, pairs: f64) -> Shares {
    for (sums, prior) in sums.iter_mut().zip(prior) {
        sums.iter_mut().zip(prior).for_each(|(sum, prior)| *sum += pairs * prior);
        normalised(sums, prior[NOTHING as usize]);
    }
    sums
}

fn empty(like: &Shares) -> Shares {
    like.iter().map(|levels| vec![0.0; levels.len()]).collect()
}

/// Learns from pairs within the sources how people resemble each other who are not the same: one kind for each blocking
/// rule to begin with, and one for a source's
/// duplicates, which are the same.
pub(super) fn learn_near_misses(weights: &mut Weights, observed: &Observed, duplicates: &Shares) {
    if observed.all_within < 1.0 {
        return;
    }
    let mut patterns: Vec<(Pattern, f64)> = observed.within.iter().flatten().copied().collect();
    patterns.sort_unstable_by_key(|one| one.0);
    patterns.dedup_by(|next, kept| {
        next.0 == kept.0 && {
            kept.1 += next.1;
            true
        }
    });
    let levels: Vec<Vec<u32>> = patterns.iter().map(|(pattern, _)| weights.levels(*pattern)).collect();
    let chance: Vec<f64> =
        levels.iter().map(|levels| observed.all_within * weights.product(&weights.random, levels)).collect();
    let mut kinds: Vec<(f64, Shares)> = Vec::new();
    // What agrees as the same person's values would is a duplicate to begin with, not a near miss.
    let twice = |at: usize| {
        let same = observed.common_at_most * DUPLICATES * weights.product(duplicates, &levels[at]);
        same / (same + chance[at]).max(f64::MIN_POSITIVE)
    };
    let mut held_twice = 1.0;
    for rule in &observed.within {
        let mut sums = empty(&weights.random);
        let mut size = 0.0;
        for (pattern, count) in rule {
            let at = patterns.binary_search_by_key(pattern, |one| one.0).unwrap_or(0);
            let excess = count * (1.0 - chance[at] / patterns[at].1).max(0.0);
            let twice = twice(at);
            add(&mut sums, &levels[at], excess * (1.0 - twice));
            size += excess * (1.0 - twice);
            held_twice += excess * twice;
        }
        kinds.push((size.max(1.0), estimated(sums, &weights.random, 1.0)));
    }
    kinds.push((held_twice, duplicates.clone()));
    for _ in 0..ROUNDS {
        let mut sums: Vec<(f64, Shares)> = kinds.iter().map(|_| (0.0, empty(&weights.random))).collect();
        for ((levels, chance), (_, count)) in levels.iter().zip(&chance).zip(&patterns) {
            let expected: Vec<f64> =
                kinds.iter().map(|(size, shares)| size * weights.product(shares, levels)).collect();
            let all = chance + expected.iter().sum::<f64>();
            if all > 0.0 {
                for ((size, sums), expected) in sums.iter_mut().zip(expected) {
                    *size += count * expected / all;
                    add(sums, levels, count * expected / all);
                }
            }
        }
        let last = kinds.len() - 1;
        kinds = sums
            .into_iter()
            .enumerate()
            .map(|(at, (size, sums))| {
                let prior = if at == last { duplicates } else { &weights.random };
                (size, estimated(sums, prior, if at == last { 20.0 } else { 0.2 }))
            })
            .collect();
    }
    if let Some((size, shares)) = kinds.pop() {
        weights.twice = (size / observed.all_within, shares);
    }
    weights.near = kinds
        .into_iter()
        .filter(|kind| kind.0 > 0.5)
        .map(|(size, shares)| (size / observed.all_within, shares))
        .collect();
}

/// Learns how the levels of pairs of the same person are distributed; gives how many such pairs there are.
pub(super) fn learn_same(weights: &mut Weights, observed: &Observed, prior: &Shares) -> f64 {
    let patterns: Vec<Seen> = observed
        .between
        .iter()
        .map(|(pattern, count)| {
            let levels = weights.levels(*pattern);
            let near = weights.near.iter().map(|(share, shares)| share * weights.product(shares, &levels));
            let near: Vec<f64> = near.map(|share| share * observed.all_between).collect();
            let chance = observed.all_between * weights.product(&weights.random, &levels);
            Seen { levels, count: *count, chance, near }
        })
        .collect();
    weights.same.clone_from(prior);
    let mut size = observed.common_at_most / 2.0;
    // How many more near misses there are between the sources than within them: a family's members may be kept apart.
    let mut more = vec![1.0; weights.near.len()];
    let expected: Vec<f64> = weights.near.iter().map(|(share, _)| share * observed.all_between).collect();
    for _ in 0..ROUNDS {
        let (same, near) = round(weights, &patterns, size, &more, prior);
        size = same.min(observed.common_at_most);
        for ((more, found), expected) in more.iter_mut().zip(near).zip(&expected) {
            let held = NEAR_PAIRS + NEAR_HELD * expected;
            *more = (found + held) / (expected + held);
        }
    }
    weights.near.iter_mut().zip(more).for_each(|((share, _), more)| *share *= more);
    size
}

/// Learns the same again from the probabilities of single pairs.
pub(super) fn learn_again(weights: &mut Weights, pairs: impl Iterator<Item = (Pattern, f64)>, prior: &Shares) {
    let mut by_pattern: Vec<(Pattern, f64)> = pairs.collect();
    // A stable order of summands: by pattern, then by weight.
    by_pattern.sort_unstable_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
    let mut sums = empty(prior);
    for pairs in by_pattern.chunk_by(|a, b| a.0 == b.0) {
        add(&mut sums, &weights.levels(pairs[0].0), pairs.iter().map(|pair| pair.1).sum());
    }
    weights.same = estimated(sums, prior, 1.0);
}

/// A pattern that occurred.
struct Seen {
    levels: Vec<u32>,
    count: f64,
    /// How many random pairs are expected to have it.
    chance: f64,
    /// How many near misses of each kind.
    near: Vec<f64>,
}

/// A round of expectation and maximisation; gives how many pairs of the same person there are, and near misses by kind.
fn round(weights: &mut Weights, patterns: &[Seen], size: f64, more: &[f64], prior: &Shares) -> (f64, Vec<f64>) {
    let (mut found, mut sums) = (0.0, empty(prior));
    let mut near_sums = vec![0.0; more.len()];
    for seen in patterns {
        let same = size * weights.product(&weights.same, &seen.levels);
        let near: f64 = seen.near.iter().zip(more).map(|(near, more)| near * more).sum();
        let all = (same + seen.chance + near).max(f64::MIN_POSITIVE);
        for ((sum, near), more) in near_sums.iter_mut().zip(&seen.near).zip(more) {
            *sum += seen.count * near * more / all;
        }
        found += seen.count * same / all;
        add(&mut sums, &seen.levels, seen.count * same / all);
    }
    weights.same = estimated(sums, prior, 1.0);
    (found, near_sums)
}
