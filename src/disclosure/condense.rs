//! The system made small for the search: figures that are equal by structure become one unknown, figures that every
//! reader knows to be zero disappear.

use std::collections::BTreeMap;

use super::policy::{Level, Policy, Weight};
use super::primary::Primary;
use super::system::Release;
use super::table::Table;

/// One unknown: a set of figures that are equal whatever their value.
pub(super) struct Unknown {
    pub(super) value: i64,
    /// The least value that a reader grants it while it is hidden.
    pub(super) lower: i64,
    /// The least value that a requirement can ask it to reach.
    pub(super) least: i64,
    /// A reader must not learn it.
    pub(super) protected: bool,
    /// At least one cell prints it.
    pub(super) printed: bool,
    /// Hidden before the search starts.
    pub(super) primary: bool,
    /// What hiding it costs.
    pub(super) cost: f64,
    /// Equations that it stands in.
    pub(super) equations: Vec<usize>,
}

/// The condensed system: in each equation the sum of coefficient times unknown is zero.
pub(super) struct System {
    pub(super) unknowns: Vec<Unknown>,
    pub(super) equations: Vec<Vec<(usize, i64)>>,
    /// The unknown of each variable of the release; `None` where it is known to be zero.
    pub(super) unknown_of: Vec<Option<usize>>,
    /// Variables that must be protected and that every reader knows by structure.
    pub(super) hopeless: Vec<usize>,
}

/// Representatives under equality, and which of them are zero by structure.
struct Classes {
    parent: Vec<usize>,
    zero: Vec<bool>,
}

impl Classes {
    fn find(&self, mut at: usize) -> usize {
        while self.parent[at] != at {
            at = self.parent[at];
        }
        at
    }

    fn union(&mut self, a: usize, b: usize) {
        let (a, b) = (self.find(a), self.find(b));
        let (low, high) = (a.min(b), a.max(b));
        self.parent[high] = low;
        self.zero[low] |= self.zero[high];
    }

    /// An equation in representatives, zeros left out.
    fn reduce(&self, total: usize, parts: &[usize]) -> Vec<(usize, i64)> {
        let mut terms: BTreeMap<usize, i64> = BTreeMap::new();
        for (variable, coefficient) in parts.iter().map(|&part| (part, 1)).chain([(total, -1)]) {
            *terms.entry(self.find(variable)).or_default() += coefficient;
        }
        terms.retain(|&variable, coefficient| *coefficient != 0 && !self.zero[variable]);
        terms.into_iter().collect()
    }
}

/// Condenses the release.
pub(super) fn condense(tables: &[Table], release: &Release, primary: &Primary, policy: &Policy) -> System {
    let preferred: Vec<Preferred> = tables.iter().map(|table| Preferred::of(table, policy)).collect();
    let classes = classify(release, primary);
    let count = release.variables.len();
    let mut numbers = vec![None; count];
    let mut unknowns: Vec<Unknown> = Vec::new();
    let mut hopeless = Vec::new();
    let mut known = vec![false; count];
    for variable in (0..count).filter(|&variable| primary.known[variable]) {
        known[classes.find(variable)] = true;
    }
    for (variable, figure) in release.variables.iter().enumerate() {
        let class = classes.find(variable);
        // What is known stands in no equation between changes.
        if classes.zero[class] || known[class] {
            if primary.protected[variable].is_some() {
                hopeless.push(variable);
            }
            continue;
        }
        let number = *numbers[class].get_or_insert_with(|| {
            unknowns.push(Unknown {
                value: figure.value * policy.unit(),
                lower: 0,
                least: 0,
                protected: false,
                printed: false,
                primary: false,
                cost: 0.0,
                equations: Vec::new(),
            });
            unknowns.len() - 1
        });
        numbers[variable] = Some(number);
        let unknown = &mut unknowns[number];
        unknown.lower = unknown.lower.max(primary.lower[variable] * policy.unit());
        unknown.least = unknown.lower;
        unknown.protected |= primary.protected[variable].is_some();
        unknown.primary |= primary.hidden[variable].is_some();
        if figure.is_printed() {
            unknown.printed = true;
            unknown.cost += figure
                .places
                .iter()
                .map(|place| cost(figure.value, policy.weight) * preferred[place.table].factor(place.cell))
                .fold(0.0, f64::max);
        }
    }
    let mut equations: Vec<Vec<(usize, i64)>> = Vec::new();
    for equation in &release.equations {
        let terms = classes.reduce(equation.total, &equation.parts);
        let number = |(variable, coefficient): (usize, i64)| numbers[variable].map(|number| (number, coefficient));
        equations.push(terms.into_iter().filter_map(number).collect());
    }
    equations.sort();
    equations.dedup();
    equations.retain(|terms| !terms.is_empty());
    for (equation, terms) in equations.iter().enumerate() {
        for &(unknown, _) in terms {
            unknowns[unknown].equations.push(equation);
        }
    }
    if policy.sums && policy.level != Level::Full {
        sums(policy, &mut unknowns, &mut equations);
    }
    System { unknowns, equations, unknown_of: numbers, hopeless }
}

/// Adds the sums that published totals would imply to be small: in each equation that of all primary parts. The other
/// parts are not small, so a hidden group with another member adds up to more. At the level `full` nothing needs to be
/// added: each term would be bounded by the sum.
fn sums(policy: &Policy, unknowns: &mut Vec<Unknown>, equations: &mut Vec<Vec<(usize, i64)>>) {
    let mut known: BTreeMap<Vec<usize>, ()> = BTreeMap::new();
    for equation in 0..equations.len() {
        let terms = &equations[equation];
        let hidden = |&&(unknown, _): &&(usize, i64)| !unknowns[unknown].printed || unknowns[unknown].primary;
        let group: Vec<usize> = terms.iter().filter(hidden).map(|&(unknown, _)| unknown).collect();
        let sign: i64 = terms.iter().filter(hidden).map(|&(_, c)| c.signum()).sum();
        let value: i64 = group.iter().map(|&unknown| unknowns[unknown].value).sum();
        let plain =
            terms.iter().filter(hidden).all(|&(_, c)| c.abs() == 1) && sign.unsigned_abs() as usize == group.len();
        if group.len() < 2 || group.len() == terms.len() || !plain || !policy.is_small(value / policy.unit()) {
            continue;
        }
        if known.insert(group.clone(), ()).is_some() {
            continue;
        }
        let number = unknowns.len();
        // The sum's own bound follows from those of its parts.
        let least = group.iter().map(|&unknown| unknowns[unknown].lower).sum();
        let row = equations.len();
        for &unknown in &group {
            unknowns[unknown].equations.push(row);
        }
        unknowns.push(Unknown {
            value,
            lower: i64::MIN / 8,
            least,
            protected: true,
            printed: false,
            primary: false,
            cost: 0.0,
            equations: vec![row],
        });
        equations.push(group.into_iter().map(|unknown| (unknown, 1)).chain([(number, -1)]).collect());
    }
}

/// Merges until nothing changes: an equation of two terms makes them equal, one of one term makes it zero.
fn classify(release: &Release, primary: &Primary) -> Classes {
    let variables = release.variables.iter().enumerate();
    // A printed zero that is not hidden is known.
    let zero = variables.map(|(index, v)| v.is_printed() && v.value == 0 && primary.hidden[index].is_none()).collect();
    let mut classes = Classes { parent: (0..release.variables.len()).collect(), zero };
    loop {
        let mut changed = false;
        for equation in &release.equations {
            match classes.reduce(equation.total, &equation.parts)[..] {
                [(only, _)] => {
                    classes.zero[only] = true;
                    changed = true;
                }
                [(a, one), (b, other)] if one == -other => {
                    classes.union(a, b);
                    changed = true;
                }
                _ => {}
            }
        }
        if !changed {
            return classes;
        }
    }
}

/// What the author prefers to keep, by dimension and node of a table.
struct Preferred {
    strides: Vec<usize>,
    factors: Vec<Vec<u32>>,
}

impl Preferred {
    fn of(table: &Table, policy: &Policy) -> Self {
        let factors = table.dimensions.iter().map(|dimension| {
            let mut factors = vec![1; dimension.nodes.len()];
            for preference in policy.prefer_keeping.iter().filter(|one| one.dimension == dimension.name) {
                for (at, node) in dimension.nodes.iter().enumerate() {
                    let total = preference.nodes.is_empty() && dimension.total() == Some(at);
                    if total || preference.nodes.contains(&node.id) {
                        factors[at] = preference.factor.max(1);
                    }
                }
            }
            factors
        });
        Preferred { factors: factors.collect(), strides: table.strides() }
    }

    fn factor(&self, cell: usize) -> f64 {
        let own = self.factors.iter().zip(&self.strides);
        own.map(|(factors, stride)| f64::from(factors[cell / stride % factors.len()])).product()
    }
}

/// What hiding a figure costs; never nothing, so that no cell is hidden needlessly.
fn cost(value: i64, weight: Weight) -> f64 {
    // Counts are far below 2^52.
    let value = value as f64;
    match weight {
        Weight::Value => value + 1.0,
        Weight::Cells => 1.0,
        Weight::Logarithm => (value + 1.0).ln() + 1.0,
    }
}

impl System {
    /// The number of independent systems.
    pub(super) fn components(&self) -> usize {
        let mut parent: Vec<usize> = (0..self.unknowns.len()).collect();
        fn find(parent: &mut [usize], mut at: usize) -> usize {
            while parent[at] != at {
                parent[at] = parent[parent[at]];
                at = parent[at];
            }
            at
        }
        let mut count = parent.len();
        for pair in self.equations.iter().flat_map(|terms| terms.windows(2)) {
            let (a, b) = (find(&mut parent, pair[0].0), find(&mut parent, pair[1].0));
            if a != b {
                parent[a] = b;
                count -= 1;
            }
        }
        count
    }
}
