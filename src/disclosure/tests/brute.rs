//! A reader who tries every whole-number table that agrees with what is published. Shares nothing with search or audit.

use std::collections::BTreeMap;

use crate::disclosure::{MeasureKind, Policy, PublicTable, Told, Within, Zeros};

/// Table, measure, enclosing measure of a complement, cell.
pub(super) type Place = (usize, usize, Option<usize>, usize);

/// Every figure's least and greatest value over all tables, by place.
pub(super) type Ranges = BTreeMap<Place, (i64, i64)>;

struct Figures {
    known: Vec<Option<i64>>,
    lower: Vec<i64>,
    sums: Vec<(usize, Vec<usize>)>,
    place: BTreeMap<Place, usize>,
    /// Stands on the left of a sum.
    is_whole: Vec<bool>,
    /// Numerator, denominator, scale, printed rate.
    rates: Vec<(usize, usize, i64, i64)>,
    /// What marks say: figures with coefficients, and what their sum does not exceed.
    told: Vec<(Vec<(usize, i64)>, i64)>,
}

/// Tries all tables whose innermost figures stay up to `cap`. `None` when there are too many to try.
pub(super) fn ranges(public: &[PublicTable], policy: &Policy, cap: i64) -> Option<Ranges> {
    linked_ranges(public, &[], policy, cap)
}

/// The same with universes that contain each other.
pub(super) fn linked_ranges(public: &[PublicTable], links: &[Within], policy: &Policy, cap: i64) -> Option<Ranges> {
    let mut figures = figures(public, links, policy);
    let mut ranges = vec![(i64::MAX, i64::MIN); figures.known.len()];
    let mut budget = 150_000;
    enumerate(&mut figures, cap, &mut ranges, &mut budget)?;
    Some(figures.place.iter().map(|(&place, &figure)| (place, ranges[figure])).collect())
}

/// The same for somebody who takes marks at their word.
pub(super) fn told_ranges(public: &[PublicTable], told: &[Told], policy: &Policy, cap: i64) -> Option<Ranges> {
    let mut figures = figures(public, &[], policy);
    for one in told {
        let term = |&(measure, c): &(usize, i64)| (figures.place[&(one.table, measure, None, one.cell)], c);
        let terms = one.terms.iter().map(term).collect();
        figures.told.push((terms, one.most));
    }
    let mut ranges = vec![(i64::MAX, i64::MIN); figures.known.len()];
    let mut budget = 150_000;
    enumerate(&mut figures, cap, &mut ranges, &mut budget)?;
    Some(figures.place.iter().map(|(&place, &figure)| (place, ranges[figure])).collect())
}

/// The same for somebody who knows a figure.
pub(super) fn ranges_knowing_value(
    public: &[PublicTable],
    policy: &Policy,
    cap: i64,
    known: Place,
    value: i64,
) -> Option<Ranges> {
    let mut figures = figures(public, &[], policy);
    let at = figures.place[&known];
    figures.known[at] = Some(value);
    let mut ranges = vec![(i64::MAX, i64::MIN); figures.known.len()];
    let mut budget = 150_000;
    enumerate(&mut figures, cap, &mut ranges, &mut budget)?;
    Some(figures.place.iter().map(|(&place, &figure)| (place, ranges[figure])).collect())
}

/// The same for somebody who knows that a figure is not empty.
pub(super) fn ranges_knowing(public: &[PublicTable], policy: &Policy, cap: i64, known: Place) -> Option<Ranges> {
    let mut figures = figures(public, &[], policy);
    let at = figures.place[&known];
    figures.lower[at] = figures.lower[at].max(1);
    let mut ranges = vec![(i64::MAX, i64::MIN); figures.known.len()];
    let mut budget = 150_000;
    enumerate(&mut figures, cap, &mut ranges, &mut budget)?;
    Some(figures.place.iter().map(|(&place, &figure)| (place, ranges[figure])).collect())
}

fn figures(public: &[PublicTable], links: &[Within], policy: &Policy) -> Figures {
    let mut ids: BTreeMap<String, usize> = BTreeMap::new();
    let (known, lower, sums_of, is_whole) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let (rates, told) = (Vec::new(), Vec::new());
    let mut all = Figures { known, lower, sums: sums_of, place: BTreeMap::new(), is_whole, rates, told };
    for (t, table) in public.iter().enumerate() {
        for m in 0..table.measures.len() {
            let mut ofs = vec![None];
            let mut at = m;
            while let MeasureKind::CountWhere { of } | MeasureKind::Part { of } = table.measures[at].kind {
                ofs.push(Some(of));
                at = of;
            }
            for of in ofs {
                for cell in 0..table.values[m].len() {
                    let key = key(table, m, of, cell);
                    let figure = *ids.entry(key).or_insert(all.known.len());
                    if figure == all.known.len() {
                        all.known.push(None);
                        let zero_printed = table.measures[m].kind == MeasureKind::Count || !policy.homogeneous;
                        let known_positive = of.is_none() && policy.zeros == Zeros::Print && zero_printed;
                        all.lower.push(i64::from(known_positive));
                    }
                    if of.is_none() {
                        all.known[figure] = all.known[figure].or(table.values[m][cell]);
                    }
                    all.place.insert((t, m, of, cell), figure);
                }
            }
        }
    }
    for (t, table) in public.iter().enumerate() {
        sums(t, table, &mut all);
        for rate in &table.rates {
            for (cell, printed) in rate.values.iter().enumerate() {
                if let Some(printed) = *printed {
                    let at = |measure| all.place[&(t, measure, None, cell)];
                    all.rates.push((at(rate.numerator), at(rate.denominator), rate.scale, printed));
                }
            }
        }
    }
    let mut since: BTreeMap<usize, usize> = BTreeMap::new();
    for link in links {
        for table in public.iter().filter(|table| table.universe == link.part) {
            for (m, cell) in (0..table.measures.len()).flat_map(|m| (0..table.values[m].len()).map(move |c| (m, c))) {
                let whole = PublicTable { universe: link.whole.clone(), ..table.clone() };
                if let Some(&whole) = ids.get(&key(&whole, m, None, cell)) {
                    let part = ids[&key(table, m, None, cell)];
                    all.sums.push((whole, vec![part, all.known.len()]));
                    since.insert(part, all.known.len());
                    all.known.push(None);
                    all.lower.push(0);
                }
            }
        }
    }
    // Those who came add up too, so that the cap binds their innermost groups alone.
    let came = |figure: &usize| since.get(figure).copied();
    let added: Vec<(usize, Vec<usize>)> = (all.sums.iter())
        .filter_map(|(whole, pieces)| Some((came(whole)?, pieces.iter().map(came).collect::<Option<_>>()?)))
        .collect();
    all.sums.extend(added);
    all.is_whole = (0..all.known.len()).map(|figure| all.sums.iter().any(|(whole, _)| *whole == figure)).collect();
    for (figure, known) in all.known.iter().enumerate() {
        // What is printed is known, also a printed zero.
        if known.is_some() {
            all.lower[figure] = 0;
        }
    }
    all
}

fn nodes(table: &PublicTable, mut cell: usize) -> Vec<usize> {
    let mut nodes = Vec::new();
    for dimension in table.dimensions.iter().rev() {
        nodes.insert(0, cell % dimension.nodes.len());
        cell /= dimension.nodes.len();
    }
    nodes
}

fn key(table: &PublicTable, measure: usize, of: Option<usize>, cell: usize) -> String {
    let mut names: Vec<String> = Vec::new();
    for (dimension, node) in table.dimensions.iter().zip(nodes(table, cell)) {
        let single = dimension.nodes.iter().filter(|n| n.parent.is_none()).count() == 1;
        if !(single && dimension.nodes[node].parent.is_none()) {
            names.push(format!("{}={}", dimension.name, dimension.nodes[node].id));
        }
    }
    names.sort();
    let of = of.map(|of| table.measures[of].name.clone());
    format!("{} {} {of:?} {names:?}", table.universe, table.measures[measure].name)
}

fn sums(t: usize, table: &PublicTable, all: &mut Figures) {
    let cells = table.values[0].len();
    for m in 0..table.measures.len() {
        for cell in 0..cells {
            let whole = all.place[&(t, m, None, cell)];
            let here = nodes(table, cell);
            for (axis, dimension) in table.dimensions.iter().enumerate() {
                let below = |&other: &usize| {
                    let there = nodes(table, other);
                    (0..here.len()).all(|a| a == axis || here[a] == there[a])
                        && dimension.nodes[there[axis]].parent == Some(here[axis])
                };
                let pieces: Vec<usize> =
                    (0..cells).filter(below).map(|other| all.place[&(t, m, None, other)]).collect();
                if !pieces.is_empty() {
                    all.sums.push((whole, pieces));
                }
            }
            let parts: Vec<usize> = (0..table.measures.len())
                .filter(|&p| table.measures[p].kind == MeasureKind::Part { of: m })
                .map(|p| all.place[&(t, p, None, cell)])
                .collect();
            if !parts.is_empty() {
                all.sums.push((whole, parts));
            }
        }
    }
    let complements: Vec<Place> = all.place.keys().filter(|p| p.0 == t && p.2.is_some()).copied().collect();
    for (_, m, of, cell) in complements {
        let of = of.expect("filtered");
        let pair = vec![all.place[&(t, m, None, cell)], all.place[&(t, m, Some(of), cell)]];
        all.sums.push((all.place[&(t, of, None, cell)], pair));
    }
}

/// Forces what the sums force, then branches on a figure of the tightest sum.
fn enumerate(all: &mut Figures, cap: i64, ranges: &mut [(i64, i64)], budget: &mut usize) -> Option<()> {
    *budget = budget.checked_sub(1)?;
    let mut forced = Vec::new();
    let fits = force(all, &mut forced);
    if fits {
        match tightest(all) {
            None if !all.rates.iter().all(|&rate| is_rate(all, rate)) => {}
            None if !all.told.iter().all(|told| is_told(all, told)) => {}
            None => {
                for (range, value) in ranges.iter_mut().zip(&all.known) {
                    // A figure in no sum may be anything.
                    let (low, high) = value.map_or((0, cap), |value| (value, value));
                    *range = (range.0.min(low), range.1.max(high));
                }
            }
            Some((figure, limit)) => {
                for value in all.lower[figure]..=limit.min(cap) {
                    all.known[figure] = Some(value);
                    let within = enumerate(all, cap, ranges, budget);
                    all.known[figure] = None;
                    within?;
                }
            }
        }
    }
    for figure in forced {
        all.known[figure] = None;
    }
    Some(())
}

/// Whether a printed rate is one of these figures, a half rounded either way.
fn is_rate(all: &Figures, (n, d, scale, printed): (usize, usize, i64, i64)) -> bool {
    match (all.known[n], all.known[d]) {
        (Some(n), Some(d)) => d > 0 && (2 * scale * n - 2 * printed * d).abs() <= d,
        _ => true,
    }
}

/// Whether figures are what a mark says of them.
fn is_told(all: &Figures, (terms, most): &(Vec<(usize, i64)>, i64)) -> bool {
    terms.iter().map(|&(figure, c)| c * all.known[figure].unwrap_or(0)).sum::<i64>() <= *most
}

fn force(all: &mut Figures, forced: &mut Vec<usize>) -> bool {
    loop {
        let mut changed = false;
        for (whole, pieces) in &all.sums {
            let open: Vec<usize> =
                pieces.iter().chain([whole]).copied().filter(|&figure| all.known[figure].is_none()).collect();
            let known: i64 = pieces.iter().filter_map(|&piece| all.known[piece]).sum();
            match (&open[..], all.known[*whole]) {
                ([], Some(total)) if total != known => return false,
                (_, Some(total)) if total < known => return false,
                ([only], total) => {
                    let value = total.map_or(known, |total| total - known);
                    if value < all.lower[*only] {
                        return false;
                    }
                    all.known[*only] = Some(value);
                    forced.push(*only);
                    changed = true;
                }
                _ => {}
            }
        }
        if !changed {
            return true;
        }
    }
}

/// An open innermost piece of the sum with the fewest open figures, and the most it can be.
fn tightest(all: &Figures) -> Option<(usize, i64)> {
    let mut best: Option<(usize, usize)> = None;
    for (_, pieces) in &all.sums {
        let open = pieces.iter().copied().filter(|&piece| all.known[piece].is_none());
        let count = open.clone().count();
        let innermost = open.clone().find(|&piece| !all.is_whole[piece]);
        if let Some(piece) = innermost.filter(|_| best.is_none_or(|(least, _)| count < least)) {
            best = Some((count, piece));
        }
    }
    let (_, figure) = best?;
    let mut limit = i64::MAX;
    for (whole, pieces) in &all.sums {
        if let (true, Some(total)) = (pieces.contains(&figure), all.known[*whole]) {
            let known: i64 = pieces.iter().filter_map(|&piece| all.known[piece]).sum();
            limit = limit.min(total - known);
        }
    }
    Some((figure, limit))
}
