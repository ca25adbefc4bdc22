//! The system made small for the search: figures that are equal by structure become one unknown, figures that every
//! reader knows to be zero disappear.

use std::collections::{BTreeMap, BTreeSet};

use super::policy::{Level, Policy, Requirement, Weight};
use super::primary::Primary;
use super::system::{Equation, Release};
use super::table::{MeasureKind, Table};

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
    /// A total of contributions, not a count.
    pub(super) magnitude: bool,
    /// What hiding it costs.
    pub(super) cost: f64,
}

/// The condensed system: in each equation the sum of coefficient times unknown is zero.
pub(super) struct System {
    pub(super) unknowns: Vec<Unknown>,
    /// The equations, sorted; then those of sums.
    rows: Rows,
    /// The equations of each unknown, one unknown after the other.
    starts: Vec<u32>,
    columns: Vec<u32>,
    /// The unknown of each variable of the release; [`NONE`] where it is known to be zero.
    unknown_of: Vec<u32>,
    /// What is asked for unknowns whose requirement is not the policy's: magnitudes, minimums of their own.
    special: BTreeMap<usize, Requirement>,
    /// Variables that must be protected and that every reader knows by structure.
    pub(super) hopeless: Vec<usize>,
}

/// No unknown.
const NONE: u32 = u32::MAX;

/// Equations one after the other.
struct Rows {
    starts: Vec<u32>,
    terms: Vec<(u32, i32)>,
}

impl Rows {
    fn len(&self) -> usize {
        self.starts.len() - 1
    }

    fn row(&self, equation: usize) -> &[(u32, i32)] {
        &self.terms[self.starts[equation] as usize..self.starts[equation + 1] as usize]
    }

    fn push(&mut self, terms: impl IntoIterator<Item = (u32, i32)>) {
        self.terms.extend(terms);
        self.starts.push(narrow(self.terms.len()));
    }

    /// The distinct rows, sorted; empty ones left out.
    fn sorted(&self) -> Rows {
        let mut order: Vec<u32> =
            (0..narrow(self.len())).filter(|&equation| !self.row(equation as usize).is_empty()).collect();
        order.sort_unstable_by(|&a, &b| self.row(a as usize).cmp(self.row(b as usize)));
        order.dedup_by(|next, kept| self.row(*next as usize) == self.row(*kept as usize));
        let mut rows =
            Rows { starts: Vec::with_capacity(order.len() + 1), terms: Vec::with_capacity(self.terms.len()) };
        rows.starts.push(0);
        order.iter().for_each(|&equation| rows.push(self.row(equation as usize).iter().copied()));
        rows
    }
}

/// The release numbers its terms in 32 bits; there are no more here.
fn narrow(number: usize) -> u32 {
    u32::try_from(number).expect("a release numbers its terms in 32 bits")
}

/// Representatives under equality, and which of them are zero by structure.
struct Classes {
    parent: Vec<u32>,
    zero: Vec<bool>,
}

impl Classes {
    fn find(&self, at: usize) -> usize {
        let mut at = narrow(at);
        while self.parent[at as usize] != at {
            at = self.parent[at as usize];
        }
        at as usize
    }

    fn union(&mut self, a: usize, b: usize) {
        let (a, b) = (self.find(a), self.find(b));
        let (low, high) = (a.min(b), a.max(b));
        self.parent[high] = narrow(low);
        self.zero[low] |= self.zero[high];
    }

    /// An equation in representatives, zeros left out, sorted.
    fn reduce(&self, equation: Equation<'_>, terms: &mut Vec<(usize, i32)>) {
        terms.clear();
        for (variable, coefficient) in equation.parts().map(|part| (part, 1)).chain([(equation.total, -1)]) {
            let class = self.find(variable);
            if !self.zero[class] {
                terms.push((class, coefficient));
            }
        }
        terms.sort_unstable();
        terms.dedup_by(|next, kept| {
            let same = next.0 == kept.0;
            kept.1 += if same { next.1 } else { 0 };
            same
        });
        terms.retain(|&(_, coefficient)| coefficient != 0);
    }

    /// Whether more than two terms are left for certain: a total cancels one part at most.
    fn is_wide(&self, equation: Equation<'_>) -> bool {
        let (mut known, mut count) = ([0; 3], 0);
        for class in equation.parts().map(|part| self.find(part)) {
            if self.zero[class] || known[..count].contains(&class) {
                continue;
            }
            if count == known.len() {
                return true;
            }
            known[count] = class;
            count += 1;
        }
        false
    }
}

/// Condenses the release.
pub(super) fn condense(tables: &[Table], release: &Release, primary: &Primary, policy: &Policy) -> System {
    let preferred: Vec<Preferred> = tables.iter().map(|table| Preferred::of(table, policy)).collect();
    let classes = classify(release, primary);
    let mut unknown_of = vec![NONE; release.len()];
    let mut unknowns: Vec<Unknown> = Vec::new();
    let mut hopeless = Vec::new();
    let mut known = vec![false; release.len()];
    for variable in (0..release.len()).filter(|&variable| primary.known[variable]) {
        known[classes.find(variable)] = true;
    }
    for (variable, figure) in release.variables().enumerate() {
        let class = classes.find(variable);
        // What is known stands in no equation between changes.
        if classes.zero[class] || known[class] {
            if primary.protected[variable].is_some() {
                hopeless.push(variable);
            }
            continue;
        }
        // The representative is the first of its class.
        if unknown_of[class] == NONE {
            unknown_of[class] = narrow(unknowns.len());
            unknowns.push(Unknown {
                value: figure.value * policy.unit(),
                lower: 0,
                least: 0,
                protected: false,
                printed: false,
                primary: false,
                magnitude: false,
                cost: 0.0,
            });
        }
        unknown_of[variable] = unknown_of[class];
        let unknown = &mut unknowns[unknown_of[class] as usize];
        unknown.lower = unknown.lower.max(primary.lower(variable) * policy.unit());
        unknown.least = unknown.lower;
        unknown.protected |= primary.protected[variable].is_some();
        unknown.primary |= primary.hidden[variable].is_some();
        let place = figure.place();
        unknown.magnitude |= tables[place.table].measures[place.measure].kind == MeasureKind::Magnitude;
        if figure.is_printed() {
            unknown.printed = true;
            unknown.cost += figure
                .places()
                .map(|place| cost(figure.value, policy.weight) * preferred[place.table].factor(place.cell))
                .fold(0.0, f64::max);
        }
    }
    let mut rows = Rows { starts: vec![0], terms: Vec::new() };
    let mut terms = Vec::new();
    for equation in release.equations() {
        classes.reduce(equation, &mut terms);
        let terms = terms.iter().map(|&(class, coefficient)| (unknown_of[class], coefficient));
        // What is known has no unknown.
        rows.push(terms.filter(|&(unknown, _)| unknown != NONE));
    }
    drop(classes);
    let mut rows = rows.sorted();
    if policy.sums && policy.level != Level::Full {
        sums(policy, &mut unknowns, &mut rows);
    }
    let (starts, columns) = transposed(&rows, unknowns.len());
    let special = special(tables, primary, policy, &unknown_of, &unknowns);
    System { unknowns, rows, starts, columns, unknown_of, special, hopeless }
}

/// The requirements that are not the policy's; figures that are equal ask for all that each asks for.
fn special(
    tables: &[Table],
    primary: &Primary,
    policy: &Policy,
    unknown_of: &[u32],
    unknowns: &[Unknown],
) -> BTreeMap<usize, Requirement> {
    let mut special: BTreeMap<usize, Requirement> = BTreeMap::new();
    let plain = tables.iter().all(|table| table.minimums.is_none()) && policy.behind_counts.is_empty();
    if plain && unknowns.iter().all(|unknown| !unknown.magnitude) {
        return special;
    }
    for (variable, required) in primary.requirements().filter(|&(variable, _)| unknown_of[variable] != NONE) {
        let unknown = unknown_of[variable] as usize;
        let own = &unknowns[unknown];
        if required != policy.requirement(own.value, own.least) || special.contains_key(&unknown) {
            let required = Requirement { lower: required.lower.max(own.least).min(own.value), ..required };
            special.entry(unknown).and_modify(|all| *all = all.and(required)).or_insert(required);
        }
    }
    special
}

/// The equations of each unknown.
fn transposed(rows: &Rows, unknowns: usize) -> (Vec<u32>, Vec<u32>) {
    let mut starts = vec![0; unknowns + 1];
    for &(unknown, _) in &rows.terms {
        starts[unknown as usize + 1] += 1;
    }
    for unknown in 0..unknowns {
        starts[unknown + 1] += starts[unknown];
    }
    let (mut at, mut columns) = (starts.clone(), vec![0; rows.terms.len()]);
    for equation in 0..rows.len() {
        for &(unknown, _) in rows.row(equation) {
            columns[at[unknown as usize] as usize] = narrow(equation);
            at[unknown as usize] += 1;
        }
    }
    (starts, columns)
}

/// Adds the sums that published totals would imply to be small: in each equation that of all primary parts. The other
/// parts are not small, so a hidden group with another member adds up to more. At the level `full` nothing needs to be
/// added: each term would be bounded by the sum.
fn sums(policy: &Policy, unknowns: &mut Vec<Unknown>, rows: &mut Rows) {
    let mut known: BTreeSet<Vec<u32>> = BTreeSet::new();
    for equation in 0..rows.len() {
        let terms = rows.row(equation);
        let is_hidden = |unknown: u32| !unknowns[unknown as usize].printed || unknowns[unknown as usize].primary;
        let hidden = || terms.iter().filter(|&&(unknown, _)| is_hidden(unknown));
        let count = hidden().count();
        let value: i64 = hidden().map(|&(unknown, _)| unknowns[unknown as usize].value).sum();
        let sign: i64 = hidden().map(|&(_, c)| i64::from(c.signum())).sum();
        let plain = hidden().all(|&(_, c)| c.abs() == 1) && sign.unsigned_abs() as usize == count;
        if terms.iter().any(|&(unknown, _)| unknowns[unknown as usize].magnitude) {
            continue;
        }
        if count < 2 || count == terms.len() || !plain || !policy.is_small(value / policy.unit()) {
            continue;
        }
        let group: Vec<u32> = hidden().map(|&(unknown, _)| unknown).collect();
        if !known.insert(group.clone()) {
            continue;
        }
        // The sum's own bound follows from those of its parts.
        let least = group.iter().map(|&unknown| unknowns[unknown as usize].lower).sum();
        let number = narrow(unknowns.len());
        unknowns.push(Unknown {
            value,
            lower: i64::MIN / 8,
            least,
            protected: true,
            printed: false,
            primary: false,
            magnitude: false,
            cost: 0.0,
        });
        rows.push(group.into_iter().map(|unknown| (unknown, 1)).chain([(number, -1)]));
    }
}

/// Merges until nothing changes: an equation of two terms makes them equal, one of one term makes it zero.
fn classify(release: &Release, primary: &Primary) -> Classes {
    let variables = release.variables().enumerate();
    // A printed zero that is not hidden is known.
    let zero = variables.map(|(index, v)| v.is_printed() && v.value == 0 && primary.hidden[index].is_none()).collect();
    let mut classes = Classes { parent: (0..narrow(release.len())).collect(), zero };
    let mut terms = Vec::new();
    loop {
        let mut changed = false;
        for equation in release.equations() {
            if classes.is_wide(equation) {
                continue;
            }
            classes.reduce(equation, &mut terms);
            match terms[..] {
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
    /// How many equations there are.
    pub(super) fn equation_count(&self) -> usize {
        self.rows.len()
    }

    /// An equation's unknowns with their coefficients, sorted.
    pub(super) fn equation(&self, equation: usize) -> impl Iterator<Item = (usize, i64)> + Clone + '_ {
        self.rows.row(equation).iter().map(|&(unknown, coefficient)| (unknown as usize, i64::from(coefficient)))
    }

    /// How many unknowns an equation has.
    pub(super) fn width(&self, equation: usize) -> usize {
        self.rows.row(equation).len()
    }

    /// The coefficient of an unknown in an equation; 0 where it stands in another.
    pub(super) fn coefficient(&self, equation: usize, unknown: usize) -> i64 {
        let row = self.rows.row(equation);
        row.binary_search_by_key(&narrow(unknown), |&(other, _)| other).map_or(0, |at| i64::from(row[at].1))
    }

    /// The equations that an unknown stands in.
    pub(super) fn equations_of(&self, unknown: usize) -> impl ExactSizeIterator<Item = usize> + Clone + '_ {
        let range = self.starts[unknown] as usize..self.starts[unknown + 1] as usize;
        self.columns[range].iter().map(|&equation| equation as usize)
    }

    /// What the interval of a protected unknown must reach, in the parts of [`Policy::unit`].
    pub(super) fn requirement(&self, policy: &Policy, unknown: usize) -> Requirement {
        let own = &self.unknowns[unknown];
        self.special.get(&unknown).copied().unwrap_or_else(|| policy.requirement(own.value, own.least))
    }

    /// The unknown of a variable of the release; `None` where it is known to be zero.
    pub(super) fn unknown_of(&self, variable: usize) -> Option<usize> {
        let unknown = self.unknown_of[variable];
        (unknown != NONE).then_some(unknown as usize)
    }

    /// The number of independent systems.
    pub(super) fn components(&self) -> usize {
        let mut parent: Vec<u32> = (0..narrow(self.unknowns.len())).collect();
        fn find(parent: &mut [u32], mut at: u32) -> u32 {
            while parent[at as usize] != at {
                parent[at as usize] = parent[parent[at as usize] as usize];
                at = parent[at as usize];
            }
            at
        }
        let mut count = parent.len();
        for equation in 0..self.rows.len() {
            for pair in self.rows.row(equation).windows(2) {
                let (a, b) = (find(&mut parent, pair[0].0), find(&mut parent, pair[1].0));
                if a != b {
                    parent[a as usize] = b;
                    count -= 1;
                }
            }
        }
        count
    }
}
