//! Witnesses: whole assignments, and changes of them, that show how far each variable can go.

use super::assign::{Estimate, estimate, lean};
use super::bounds::Side;
use super::chain::{Chain, mix};
use super::open::Open;
use super::program::{Answer, Ball, Balls};
use super::prove::{Proof, Prover};
use super::room::{Move, Room, Shown, Tally};
use super::walk::walk;
use crate::disclosure::policy::Requirement;

/// Variables that are looked at together before what they show is taken in.
const BATCH: usize = 16;
const CHAIN_BATCH: usize = 256;
/// Attempts at a chain, each with other choices among equals.
const SALTS: u64 = 6;
/// So many pairs in a row that show little end it.
const STALE: usize = 6;
/// How strongly a prior leans, first and later on.
const STRENGTHS: [f64; 5] = [64.0, 1e4, 1e6, 1e8, 1e10];
/// The least that a prior grants a variable that the estimate leaves next to nothing.
const LEAST: f64 = 0.05;
/// Pairs of whole assignments that are tried at most: before the walk, and of what is too large for one.
const PAIRS: (usize, usize) = (2, 40);
/// Entries that the walk may look at, for each unit of effort.
const WALK: usize = 3500;
/// After the walk, this part of the effort goes to single variables.
const PART: usize = 10;

/// Wider equations are left out of proofs.
const WIDE: usize = 80;

/// A way to find out more.
#[derive(Clone, Copy, Debug)]
enum Stage {
    /// Chains from so many whole assignments.
    Chain(usize),
    /// Linear programs in balls of so many variables, of an equation so many at a time.
    Program(usize, usize),
    /// Proofs from so many equations.
    Prove(usize),
}

impl Stage {
    /// What it takes for a variable, measured: about 20 microseconds each.
    fn cost(self) -> usize {
        match self {
            Stage::Chain(starts) => 10 * starts,
            Stage::Program(size, _) => size * (size / 1000).max(1),
            Stage::Prove(count) => 6 * count * (count / 150).max(1),
        }
    }
}

/// A stage takes no more than this part of the effort that is left.
const SHARE: usize = 2;

/// The ways, one after the other, each for what those before have left.
const STAGES: [Stage; 13] = [
    Stage::Chain(2),
    Stage::Prove(60),
    Stage::Chain(12),
    Stage::Program(70, 14),
    Stage::Program(250, 4),
    Stage::Program(1000, 3),
    Stage::Program(1000, 6),
    Stage::Chain(60),
    Stage::Program(2500, 4),
    Stage::Program(4000, 8),
    Stage::Program(8000, 8),
    Stage::Prove(600),
    Stage::Prove(2000),
];

/// What was found.
pub(in crate::disclosure) enum Find {
    /// A change of a whole assignment.
    Move(u32, Move),
    /// A bound.
    Proof(Proof),
}

/// What each variable's interval must reach; `None` where nothing is asked.
pub(in crate::disclosure) type Wants = Vec<Option<Requirement>>;

/// Whether what has been seen of a variable is not yet enough.
pub(in crate::disclosure) fn is_unmet(room: &Room<'_>, wants: &Wants, variable: u32) -> bool {
    let (low, high) = room.seen[variable as usize];
    wants[variable as usize].is_some_and(|need| !need.is_met(low, high))
}

/// Whether a variable is proven to stay short of what is wanted.
pub(in crate::disclosure) fn is_hopeless(room: &Room<'_>, wants: &Wants, variable: u32) -> bool {
    let (low, high) = room.proven[variable as usize];
    wants[variable as usize].is_some_and(|need| !need.is_met(low, high))
}

/// Whether it is worth looking for more.
fn is_sought(room: &Room<'_>, wants: &Wants, variable: u32) -> bool {
    is_unmet(room, wants, variable) && !is_hopeless(room, wants, variable)
}

/// Values that would do, or the next step towards them: above what has been seen, or below.
pub(in crate::disclosure) fn goals(room: &Room<'_>, need: &Requirement, variable: u32) -> Vec<i64> {
    let variable = variable as usize;
    let (low, high) = room.seen[variable];
    let (lower, upper) = room.proven[variable];
    let mut goals = if high < need.upper {
        let wide = need.upper.max(low + need.width);
        vec![if wide <= upper { wide } else { need.upper }]
    } else if low > need.lower {
        let wide = need.lower.min(high - need.width);
        vec![if wide >= lower { wide } else { need.lower }]
    } else {
        vec![low + need.width, high - need.width]
    };
    goals.retain(|goal| (lower..=upper).contains(goal));
    goals
}

/// Looks for tables and moves until each wanted variable is met or nothing more is found; gives the programs solved.
pub(in crate::disclosure) fn search(
    room: &mut Room<'_>,
    wants: &Wants,
    known: Option<Estimate>,
    effort: usize,
    step: &mut dyn FnMut(usize, usize),
) -> usize {
    let mut known = known;
    let mut left = whole_tables(room, wants, &mut known, PAIRS.0, step);
    if left.is_empty() {
        return 0;
    }
    let walked = walk(room, wants, effort.saturating_mul(WALK), step);
    if walked.missed > 0 {
        left = whole_tables(room, wants, &mut known, PAIRS.1, step);
    }
    left.retain(|variable| is_sought(room, wants, *variable) && walked.hopeless.binary_search(variable).is_err());
    let effort = if walked.missed > 0 { effort } else { effort / PART };
    one_by_one(room, wants, left, effort)
}

/// Looks for pairs of whole assignments that lean towards what is wanted; gives the variables that are left.
pub(in crate::disclosure) fn whole_tables(
    room: &mut Room<'_>,
    wants: &Wants,
    known: &mut Option<Estimate>,
    pairs: usize,
    step: &mut dyn FnMut(usize, usize),
) -> Vec<u32> {
    let order: Vec<u32> = (room.open.components.iter().zip(&room.anchored))
        .filter(|(_, anchored)| **anchored)
        .flat_map(|(component, _)| component.iter().copied())
        .filter(|&variable| wants[variable as usize].is_some())
        .collect();
    let mut stale = 0;
    for round in 0..pairs {
        let missing: Vec<u32> = order.iter().copied().filter(|&variable| is_sought(room, wants, variable)).collect();
        let before = missing.len();
        if before == 0 {
            break;
        }
        let estimate = known.get_or_insert_with(|| estimate(room.open));
        let prior = |k: u64| leaning(room, wants, estimate, &missing, 2 * round as u64 + k);
        let (one, two) = (prior(0), prior(1));
        let open = room.open;
        let (one, two) = std::thread::scope(|scope| {
            let two = scope.spawn(|| lean(open, two));
            let one = lean(open, one);
            (one, two.join().ok())
        });
        room.learn_table(one);
        if let Some(two) = two {
            room.learn_table(two);
        }
        let now = order.iter().filter(|&&variable| is_sought(room, wants, variable)).count();
        step(order.len() - now, order.len());
        stale = if before.saturating_sub(now) <= before / 50 { stale + 1 } else { 0 };
        if now == 0 || stale == STALE {
            break;
        }
    }
    order.into_iter().filter(|&variable| is_sought(room, wants, variable)).collect()
}

/// Looks for each variable that is left by itself; gives the programs solved.
pub(in crate::disclosure) fn one_by_one(
    room: &mut Room<'_>,
    wants: &Wants,
    mut left: Vec<u32>,
    effort: usize,
) -> usize {
    let (mut programs, mut effort) = (0, effort);
    let mut chains = [(); 2].map(|()| Chain::new(room.open));
    let mut balls = [(); 2].map(|()| (Balls::new(room.open), Tally::new(room.open)));
    let mut provers = [(); 2].map(|()| Prover::new(room.open));
    for stage in STAGES {
        let most = effort / SHARE / stage.cost();
        let rest = left.split_off(left.len().min(most));
        let before = left.len();
        effort -= before * stage.cost();
        left = match stage {
            Stage::Chain(starts) => {
                let find =
                    |room: &Room<'_>, chain: &mut Chain, variable| by_chain(room, wants, chain, variable, starts);
                rounds(room, wants, sought(left, CHAIN_BATCH), &mut chains, &find, &mut |_, _| {})
            }
            Stage::Program(size, fan) => {
                let find =
                    |room: &Room<'_>, worker: &mut _, variable| by_program(room, wants, worker, variable, (size, fan));
                rounds(room, wants, sought(left, BATCH), &mut balls, &find, &mut |_, _| {})
            }
            Stage::Prove(count) => {
                let find = |room: &Room<'_>, prover: &mut _, variable| by_proof(room, prover, variable, count);
                rounds(room, wants, sought(left, CHAIN_BATCH), &mut provers, &find, &mut |_, _| {})
            }
        };
        if !matches!(stage, Stage::Chain(_)) {
            programs += before;
        }
        left.extend(rest.into_iter().filter(|&variable| is_sought(room, wants, variable)));
    }
    programs
}

/// The bounds of a variable that the equations near it prove.
fn by_proof(room: &Room<'_>, prover: &mut Prover, variable: u32, count: usize) -> Vec<Find> {
    let rows = prover.near(room.open, variable, count, WIDE.max(count));
    let sides = [Side::Lower, Side::Upper].into_iter();
    sides.filter_map(|side| prover.bound(room.open, variable, side, &rows)).map(Find::Proof).collect()
}

/// A prior that leans towards what has not been seen: first towards half of the unmet variables at a time, then towards
/// such as share no equation, further apart the longer it takes.
fn leaning(room: &Room<'_>, wants: &Wants, estimate: &Estimate, unmet: &[u32], round: u64) -> Estimate {
    let mut prior: Estimate = estimate.iter().map(|above| above.max(LEAST)).collect();
    let strength = if round < 4 { STRENGTHS[0] } else { STRENGTHS[1 + (round / 2 % 4) as usize] };
    let mut order: Vec<u32> = unmet.to_vec();
    order.sort_by_key(|&variable| (mix(u64::from(variable), round), variable));
    let mut taken = vec![false; if round < 4 { 0 } else { room.open.equations.len() }];
    let apart = round / 4 % 3;
    for variable in order {
        let Some(need) = &wants[variable as usize] else { continue };
        let goals = goals(room, need, variable);
        let Some(&goal) = goals.get((mix(u64::from(variable), round / 8) % goals.len().max(1) as u64) as usize) else {
            continue;
        };
        let up = goal > room.seen[variable as usize].1;
        let factor = if round < 4 {
            if mix(u64::from(variable), round) & 1 == 0 { strength } else { 1.0 / STRENGTHS[0].sqrt() }
        } else if claim(room, &mut taken, variable, apart) {
            strength
        } else {
            continue;
        };
        prior[variable as usize] *= if up { factor } else { 1.0 / factor };
    }
    prior
}

/// Takes the equations of a variable, and of those that share one with it, unless some are taken.
fn claim(room: &Room<'_>, taken: &mut [bool], variable: u32, apart: u64) -> bool {
    let rows = |variable: u32| room.open.columns.of(variable as usize).map(|(row, _)| row);
    if rows(variable).any(|row| taken[row]) {
        return false;
    }
    let narrow = |row: &usize| room.open.equations.width(*row) <= WIDE;
    for row in rows(variable) {
        taken[row] = true;
        if apart > 0 && narrow(&row) {
            for &other in room.open.equations.row_terms(row) {
                for row in rows(other).filter(narrow) {
                    taken[row] = true;
                }
            }
        }
    }
    true
}

/// Which variables [`rounds`] takes, in which order, and how many of them before what they show is taken in.
pub(in crate::disclosure) struct Round {
    pub(in crate::disclosure) order: Vec<u32>,
    pub(in crate::disclosure) batch: usize,
    /// Whether one is still to be looked at.
    pub(in crate::disclosure) is_wanted: fn(&Room<'_>, &Wants, u32) -> bool,
}

/// Those that are worth looking for, in this order.
fn sought(order: Vec<u32>, batch: usize) -> Round {
    Round { order, batch, is_wanted: is_sought }
}

/// Asks for moves for one variable after the other, two threads at a time, and takes them in in order: what comes out
/// does not depend on the threads. Gives the variables that are still wanted in the end. `step` is told how far it is.
pub(in crate::disclosure) fn rounds<W: Send>(
    room: &mut Room<'_>,
    wants: &Wants,
    Round { order, batch, is_wanted }: Round,
    workers: &mut [W; 2],
    find: &(dyn Fn(&Room<'_>, &mut W, u32) -> Vec<Find> + Sync),
    step: &mut dyn FnMut(usize, usize),
) -> Vec<u32> {
    let mut at = 0;
    while at < order.len() {
        let mut chosen = Vec::with_capacity(batch);
        while at < order.len() && chosen.len() < batch {
            if is_wanted(room, wants, order[at]) {
                chosen.push(order[at]);
            }
            at += 1;
        }
        step(at, order.len());
        let snapshot: &Room<'_> = room;
        let (first, second) = chosen.split_at(chosen.len() / 2);
        let [one, two] = workers;
        let run = |worker: &mut W, part: &[u32]| -> Vec<Find> {
            part.iter().flat_map(|&variable| find(snapshot, worker, variable)).collect()
        };
        let moves = std::thread::scope(|scope| {
            let other = scope.spawn(|| run(two, second));
            let mut moves = run(one, first);
            moves.extend(other.join().unwrap_or_default());
            moves
        });
        for find in moves {
            match find {
                Find::Move(table, change) => {
                    if change.iter().any(|&(variable, _)| is_unmet(room, wants, variable)) {
                        room.learn(table, change);
                    }
                }
                Find::Proof(proof) => room.limit(proof),
            }
        }
    }
    order.into_iter().filter(|&variable| is_wanted(room, wants, variable)).collect()
}

/// Where a variable comes nearest to a goal: the assignment to start from.
fn start(room: &Room<'_>, variable: u32, goal: i64) -> u32 {
    let (low, high) = room.seen[variable as usize];
    let (by_low, by_high) = room.shown_by[variable as usize];
    room.table_of(if goal > high {
        by_high
    } else if goal < low {
        by_low
    } else {
        Shown::Table(0)
    })
}

/// Pushes a variable by chains, from the assignments that come nearest to the goal.
fn by_chain(room: &Room<'_>, wants: &Wants, chain: &mut Chain, variable: u32, starts: usize) -> Vec<Find> {
    let Some(need) = &wants[variable as usize] else { return Vec::new() };
    let mut best: Vec<Find> = Vec::new();
    for goal in goals(room, need, variable) {
        let far = |table: usize| (goal - room.tables[table][variable as usize]).abs();
        let mut tables: Vec<usize> = (0..room.tables.len()).collect();
        tables.sort_by_key(|&table| (far(table), table));
        for &table in tables.iter().take(starts) {
            let (reached, change) = pushed(room.open, chain, &room.tables[table], variable, goal);
            if reached {
                return vec![Find::Move(table as u32, change)];
            }
            if !change.is_empty() && best.len() < 4 {
                best.push(Find::Move(table as u32, change));
            }
        }
    }
    best
}

/// Pushes a variable to a goal, in one go or in several; says whether it got there.
pub(in crate::disclosure) fn pushed(
    open: &Open,
    chain: &mut Chain,
    values: &[i64],
    variable: u32,
    goal: i64,
) -> (bool, Move) {
    let wanted = goal - values[variable as usize];
    let mut done: Move = Vec::new();
    let mut part = wanted;
    let mut salt = 0;
    while salt < SALTS && wanted != 0 {
        let already = change_of(&done, variable);
        let by = if wanted > 0 { part.min(wanted - already) } else { part.max(wanted - already) };
        match chain.push(open, values, &done, (variable, by), salt) {
            Some(next) => done = next,
            None if salt % 2 == 1 && part.abs() > 1 => {
                part /= 2;
                salt += 1;
            }
            None => salt += 1,
        }
        if change_of(&done, variable) == wanted {
            return (true, done);
        }
    }
    (false, done)
}

fn change_of(change: &Move, variable: u32) -> i64 {
    change.binary_search_by_key(&variable, |&(moved, _)| moved).map_or(0, |at| change[at].1)
}

/// One linear program for all unmet variables of a ball.
fn by_program(
    room: &Room<'_>,
    wants: &Wants,
    (balls, tally): &mut (Balls, Tally),
    variable: u32,
    size: (usize, usize),
) -> Vec<Find> {
    let Some(need) = &wants[variable as usize] else { return Vec::new() };
    let mut moves = Vec::new();
    for goal in goals(room, need, variable) {
        let table = start(room, variable, goal);
        let values = &room.tables[table as usize];
        let ball = balls.around(room.open, values, &[variable], size);
        for whole in [false, true] {
            let mut goals = vec![(variable, goal - values[variable as usize])];
            goals.extend(other_goals(room, wants, &ball, variable, values));
            match balls.stretch(room.open, values, &ball, &goals, whole) {
                Answer::Solved { change, .. } if !change.is_empty() => {
                    let fits = tally.fits(room.open, values, &change);
                    let there = values[variable as usize] + change_of(&change, variable) == goal;
                    moves.push(Find::Move(table, change));
                    if fits && there {
                        return moves;
                    }
                    if fits {
                        break;
                    }
                }
                _ => break,
            }
        }
    }
    moves
}

fn other_goals(room: &Room<'_>, wants: &Wants, ball: &Ball, centre: u32, values: &[i64]) -> Vec<(u32, i64)> {
    if ball.variables.len() > 1000 {
        return Vec::new();
    }
    let goal = |&variable: &u32| {
        let need = wants[variable as usize].as_ref().filter(|_| variable != centre)?;
        if !is_unmet(room, wants, variable) {
            return None;
        }
        let by = goals(room, need, variable).first().copied()? - values[variable as usize];
        (by != 0).then_some((variable, by))
    };
    ball.variables.iter().filter_map(goal).collect()
}
