//! From odds of single pairs to probabilities that hold together: where a person has one partner at most, pairs that
//! exclude each other share the probability.
//!
//! The odds of all pairs define a distribution over one-to-one assignments, P(M) ∝ ∏ odds of the pairs in M (a
//! monomer-dimer model). Its marginals are computed by passing messages between people until nothing changes
//! (sum-product; exact where candidates form no cycle, and close where they do). The marginals of a person's pairs sum
//! to less than one, so that pairs above one half never exclude each other: they are an assignment, and ties link
//! nobody.
//!
//! References: Heilmann & Lieb (1972) on monomer-dimer systems; Bayati et al. (2007) on message passing for matchings;
//! Sadinle (2017), Bayesian estimation of bipartite matchings for record linkage.

use crate::workspace::Assignment;

/// A candidate pair's ends.
pub(super) trait Edge {
    fn left(&self) -> u32;
    fn right(&self) -> u32;
}

/// Rounds of messages at most.
const ROUNDS: usize = 40;

/// Changes of a message that do not matter.
const STILL: f64 = 1e-7;

/// The largest odds that [`marginals`] is exact for.
pub(super) const MOST: f64 = 1e9;

/// The probability of each edge. Edges are sorted by their left end; `odds` are theirs.
pub(super) fn marginals(edges: &[impl Edge], odds: &[f64], people: (usize, usize), assignment: Assignment) -> Vec<f64> {
    // What an end says to an edge: the probability that it has no partner among its other edges.
    let mut from_left = vec![1.0_f64; edges.len()];
    let mut from_right = vec![1.0_f64; edges.len()];
    let (mut left_sums, mut right_sums) = (vec![0.0; people.0], vec![0.0; people.1]);
    for _ in 0..ROUNDS {
        let mut change = 0.0_f64;
        if assignment != Assignment::ManyToMany {
            change = change.max(pass(edges, odds, &from_left, &mut from_right, &mut right_sums, Edge::right));
        }
        if assignment == Assignment::OneToOne {
            change = change.max(pass(edges, odds, &from_right, &mut from_left, &mut left_sums, Edge::left));
        }
        if change < STILL {
            break;
        }
    }
    let probability = |(at, odds): (usize, &f64)| {
        let odds = odds * from_left[at] * from_right[at];
        odds / (1.0 + odds)
    };
    odds.iter().enumerate().map(probability).collect()
}

/// One side's messages anew from the other's; gives the largest change.
fn pass<E: Edge>(
    edges: &[E],
    odds: &[f64],
    heard: &[f64],
    said: &mut [f64],
    sums: &mut [f64],
    end: fn(&E) -> u32,
) -> f64 {
    sums.fill(0.0);
    for ((edge, odds), heard) in edges.iter().zip(odds).zip(heard) {
        sums[end(edge) as usize] += odds * heard;
    }
    let mut change = 0.0_f64;
    for (at, said) in said.iter_mut().enumerate() {
        // Odds are at most `MOST`, so that this difference has six digits at least where it matters.
        let others = (sums[end(&edges[at]) as usize] - odds[at] * heard[at]).max(0.0);
        let new = 1.0 / (1.0 + others);
        change = change.max((new - *said).abs());
        *said = new;
    }
    change
}
