//! Which pairs are compared: those that agree on a blocking rule. Sorted merges of tokens, rule by rule; each pair
//! comes up once, under the first rule that it satisfies, and none is kept here.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::sides::Rows;

/// Rows of both sides that share a blocking value: where they stand in the two sorted lists.
struct Block {
    left: (u32, u32),
    right: (u32, u32),
}

/// The blocks of one rule.
struct RuleBlocks {
    left: Vec<(u64, u32)>,
    right: Vec<(u64, u32)>,
    blocks: Vec<Block>,
    /// Values that more rows share than a block may hold; sorted.
    capped: Vec<u64>,
    pairs: u64,
    pairs_left_out: u64,
}

/// What a blocking rule gave. Counts under protection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockingReport {
    /// The rule as written.
    pub rule: String,
    /// Pairs that agree on it, pairs of earlier rules included.
    pub pairs: u64,
    /// Blocks left out because they were too large.
    pub blocks_left_out: u64,
    /// Pairs in them.
    pub pairs_left_out: u64,
}

/// The blocks of all rules between two sides, or within one.
pub(super) struct Join<'a> {
    left: &'a Rows,
    right: &'a Rows,
    within: bool,
    rules: Vec<RuleBlocks>,
}

impl<'a> Join<'a> {
    pub(super) fn between(left: &'a Rows, right: &'a Rows, block_size: usize) -> Self {
        Self::new(left, right, block_size, false)
    }

    /// Pairs of two different people of one side.
    pub(super) fn within(rows: &'a Rows, block_size: usize) -> Self {
        Self::new(rows, rows, block_size, true)
    }

    fn new(left: &'a Rows, right: &'a Rows, block_size: usize, within: bool) -> Self {
        let rules = (0..left.rules).map(|rule| {
            let (one, other) = (sorted(left, rule), if within { Vec::new() } else { sorted(right, rule) });
            blocks(one, other, block_size, within)
        });
        Self { left, right, within, rules: rules.collect() }
    }

    /// Pairs to compare, those that several rules give counted several times.
    pub(super) fn pairs(&self) -> u64 {
        self.rules.iter().map(|rule| rule.pairs).sum()
    }

    pub(super) fn report(&self, names: &[String]) -> Vec<BlockingReport> {
        let one = |(rule, name): (&RuleBlocks, &String)| BlockingReport {
            rule: name.clone(),
            pairs: rule.pairs,
            blocks_left_out: rule.capped.len() as u64,
            pairs_left_out: rule.pairs_left_out,
        };
        self.rules.iter().zip(names).map(one).collect()
    }

    /// Hands every pair to `each`, with the rule that it comes from: in any order, from several threads, each with its
    /// own state. Of `one_in` blocks one is taken, chosen by its value.
    pub(super) fn each<S: Send>(
        &self,
        threads: usize,
        one_in: u64,
        make: impl Fn() -> S + Sync,
        each: impl Fn(&mut S, usize, u32, u32) + Sync,
    ) -> Vec<S> {
        let jobs = self.jobs(one_in);
        let (next, done) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
        std::thread::scope(|scope| {
            for _ in 0..threads.max(1) {
                scope.spawn(|| {
                    let mut state = make();
                    while let Some((rule, blocks)) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
                        for block in &self.rules[*rule].blocks[blocks.clone()] {
                            if self.taken(*rule, block, one_in) {
                                self.block(*rule, block, &mut state, &each);
                            }
                        }
                    }
                    done.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(state);
                });
            }
        });
        done.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Runs of blocks with about the same work.
    fn jobs(&self, one_in: u64) -> Vec<(usize, std::ops::Range<usize>)> {
        const PAIRS: u64 = 1 << 16;
        let mut jobs = Vec::new();
        for (at, rule) in self.rules.iter().enumerate() {
            let (mut start, mut pairs) = (0, 0);
            for (end, block) in rule.blocks.iter().enumerate() {
                pairs += if self.taken(at, block, one_in) { block.pairs() } else { 1 };
                if pairs > PAIRS {
                    jobs.push((at, start..end + 1));
                    (start, pairs) = (end + 1, 0);
                }
            }
            jobs.push((at, start..rule.blocks.len()));
        }
        jobs
    }

    fn taken(&self, rule: usize, block: &Block, one_in: u64) -> bool {
        let token = self.rules[rule].left[block.left.0 as usize].0;
        one_in <= 1 || (token.rotate_left(17).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 33).is_multiple_of(one_in)
    }

    fn block<S>(&self, rule: usize, block: &Block, state: &mut S, each: &impl Fn(&mut S, usize, u32, u32)) {
        let rules = &self.rules[rule];
        let left = &rules.left[block.left.0 as usize..block.left.1 as usize];
        for (at, &(_, l)) in left.iter().enumerate() {
            let blocks = self.left.blocks_of(l);
            let right = if self.within {
                &left[at + 1..]
            } else {
                &rules.right[block.right.0 as usize..block.right.1 as usize]
            };
            for &(_, r) in right {
                let one_person = self.within && self.same_person(l, r);
                if !one_person && !self.earlier(rule, blocks, self.right.blocks_of(r)) {
                    each(state, rule, l, r);
                }
            }
        }
    }

    fn same_person(&self, a: u32, b: u32) -> bool {
        self.left.people[a as usize] == self.left.people[b as usize]
    }

    /// Whether a rule before this one gives the pair too.
    fn earlier(&self, rule: usize, left: &[u64], right: &[u64]) -> bool {
        left[..rule].iter().zip(right).zip(&self.rules).any(|((a, b), rule)| {
            *a != 0 && a == b && (rule.capped.is_empty() || rule.capped.binary_search(a).is_err())
        })
    }

    /// How many rules give the pair.
    pub(super) fn rules_of(&self, left: u32, right: u32) -> u8 {
        let pairs = self.left.blocks_of(left).iter().zip(self.right.blocks_of(right)).zip(&self.rules);
        pairs.filter(|((a, b), rule)| **a != 0 && a == b && rule.capped.binary_search(a).is_err()).count() as u8
    }
}

impl Block {
    fn pairs(&self) -> u64 {
        let rows = |span: (u32, u32)| u64::from(span.1 - span.0);
        rows(self.left) * rows(self.right)
    }
}

fn sorted(rows: &Rows, rule: usize) -> Vec<(u64, u32)> {
    let tokens = rows.blocks.chunks_exact(rows.rules).map(|blocks| blocks[rule]);
    let mut list: Vec<(u64, u32)> = tokens.zip(0..).filter(|(token, _)| *token != 0).collect();
    list.sort_unstable();
    list
}

fn blocks(left: Vec<(u64, u32)>, right: Vec<(u64, u32)>, block_size: usize, within: bool) -> RuleBlocks {
    let mut found = RuleBlocks { left, right, blocks: Vec::new(), capped: Vec::new(), pairs: 0, pairs_left_out: 0 };
    let (mut l, mut r) = (0, 0);
    while l < found.left.len() {
        let token = found.left[l].0;
        let left = (l as u32, (l + run(&found.left[l..])) as u32);
        l = left.1 as usize;
        let mut right = left;
        if !within {
            while found.right.get(r).is_some_and(|other| other.0 < token) {
                r += 1;
            }
            let same =
                if found.right.get(r).is_some_and(|other| other.0 == token) { run(&found.right[r..]) } else { 0 };
            right = (r as u32, (r + same) as u32);
        }
        let block = Block { left, right };
        let pairs =
            if within { u64::from(left.1 - left.0) * (u64::from(left.1 - left.0) - 1) / 2 } else { block.pairs() };
        if pairs == 0 {
            continue;
        }
        if ((left.1 - left.0).max(right.1 - right.0) as usize) > block_size {
            found.capped.push(token);
            found.pairs_left_out += pairs;
        } else {
            found.pairs += pairs;
            found.blocks.push(block);
        }
    }
    found
}

/// How many entries at the start have the same token.
fn run(list: &[(u64, u32)]) -> usize {
    list.iter().take_while(|one| one.0 == list[0].0).count()
}
