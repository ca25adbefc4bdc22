//! The categories of a table: each dimension a forest of nodes, with what its columns print at each.

use std::collections::{BTreeSet, HashMap};

use super::spec::AxisSpec;
use crate::disclosure;

/// A dimension with its values.
#[derive(Clone, Debug)]
pub struct Axis {
    /// What the author wrote.
    pub spec: AxisSpec,
    /// Every category and total, parents before their children.
    pub places: Vec<Place>,
    leaves: HashMap<Vec<String>, usize>,
}

/// A category or a total.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The category's values from the highest column down; empty for the total over everything.
    pub path: Vec<String>,
    /// Index of the place that this one is a part of.
    pub parent: Option<usize>,
}

impl Axis {
    /// The dimension over the given lowest categories.
    pub(super) fn new(spec: &AxisSpec, paths: &BTreeSet<Vec<String>>) -> Self {
        let depth = spec.columns.len();
        let mut places: Vec<Place> = Vec::new();
        let mut known: HashMap<Vec<String>, usize> = HashMap::new();
        if spec.total.is_some() {
            known.insert(Vec::new(), 0);
            places.push(Place { path: Vec::new(), parent: None });
        }
        for path in paths {
            for level in 1..=depth {
                let here = path[..level].to_vec();
                if !known.contains_key(&here) {
                    let parent = known.get(&path[..level - 1]).copied();
                    known.insert(here.clone(), places.len());
                    places.push(Place { path: here, parent });
                }
            }
        }
        let leaves = known.into_iter().filter(|(path, _)| path.len() == depth).collect();
        Self { spec: spec.clone(), places, leaves }
    }

    /// The index of a lowest category.
    pub(super) fn leaf(&self, path: &[String]) -> Option<usize> {
        self.leaves.get(path).copied()
    }

    /// A place and everything that it is a part of.
    pub(super) fn up(&self, place: usize) -> Vec<usize> {
        std::iter::successors(Some(place), |at| self.places[*at].parent).collect()
    }

    /// What the columns print at a place.
    #[must_use]
    pub fn printed(&self, place: usize) -> Vec<String> {
        let path = &self.places[place].path;
        self.spec
            .columns
            .iter()
            .enumerate()
            .map(|(level, _)| match path.get(level) {
                Some(value) => value.clone(),
                None if path.is_empty() && level == 0 => self.spec.total.clone().unwrap_or_default(),
                None => self.spec.subtotals[level].clone(),
            })
            .collect()
    }

    /// The dimension as disclosure control takes it. It is named after its highest column, and its places after their
    /// path, so that a table by module and one by presentation within module share the modules' cells.
    pub(super) fn dimension(&self) -> disclosure::Dimension {
        let id = |place: &Place| match place.path.is_empty() {
            true => "*".to_owned(),
            false => place.path.join(" / "),
        };
        let nodes = self.places.iter().map(|place| disclosure::Node { id: id(place), parent: place.parent }).collect();
        disclosure::Dimension { name: self.spec.columns[0].clone(), nodes }
    }
}

/// Distance in cell index between neighbouring places of each axis; the last axis varies fastest.
pub(super) fn strides(axes: &[Axis]) -> Vec<usize> {
    let mut strides = vec![1; axes.len()];
    for at in (1..axes.len()).rev() {
        strides[at - 1] = strides[at] * axes[at].places.len();
    }
    strides
}

/// Adds every category into the totals it is a part of.
pub(super) fn add_margins(values: &mut [i64], axes: &[Axis]) {
    for (axis, stride) in axes.iter().zip(strides(axes)) {
        let span = stride * axis.places.len();
        for (place, parent) in axis.places.iter().enumerate().rev().filter_map(|(at, one)| Some((at, one.parent?))) {
            for block in (0..values.len()).step_by(span) {
                for offset in 0..stride {
                    values[block + parent * stride + offset] += values[block + place * stride + offset];
                }
            }
        }
    }
}
