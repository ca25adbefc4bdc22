//! A dimension as a table's files have it: categories, totals, and one or more hierarchies over them.

use std::collections::{HashMap, HashSet};

use super::raw::{RawColumn, RawFile};
use super::spec::DimensionSpec;
use super::words::unwrapped;
use crate::error::{Error, Result};

/// Between the names of a path, where a category's own name is not enough.
const JOIN: &str = " / ";

/// A category or a total.
#[derive(Clone, Debug)]
pub(super) struct AxisNode {
    /// Its name, unique in the dimension, and the same in every table that has it.
    pub(super) id: String,
    /// The categories that contain it and its own name, outermost first.
    path: Vec<String>,
    /// The column of a further hierarchy that it is a category of.
    of_also: Option<usize>,
    /// The column that it stands in.
    level: String,
    /// What each column of the dimension holds in its rows.
    pub(super) words: Vec<String>,
}

/// One way to add the categories up.
#[derive(Clone, Debug, Default)]
pub(super) struct Tree {
    /// The node above each node; of no use for one that is not a member.
    pub(super) parent: Vec<Option<usize>>,
    /// Whether a node is part of this tree.
    pub(super) member: Vec<bool>,
}

impl Tree {
    /// The nodes below each node.
    pub(super) fn children(&self) -> Vec<Vec<usize>> {
        let mut children = vec![Vec::new(); self.parent.len()];
        for (node, parent) in self.parent.iter().enumerate() {
            if let (Some(parent), true) = (parent, self.member[node]) {
                children[*parent].push(node);
            }
        }
        children
    }
}

/// A dimension of one table.
#[derive(Clone, Debug)]
pub(super) struct Axis {
    pub(super) name: String,
    pub(super) nodes: Vec<AxisNode>,
    /// The hierarchies; at least one.
    pub(super) trees: Vec<Tree>,
    /// The total over all.
    pub(super) total: Option<usize>,
    /// The columns that say where a row stands, outermost first, then those of further hierarchies. None where a measure
    /// goes across the dimension.
    pub(super) columns: Vec<String>,
    /// Where its nodes are, by path.
    by_path: HashMap<Vec<String>, usize>,
}

/// A hierarchy that stands in a file.
#[derive(Clone, Debug, Default)]
pub(super) struct Chain {
    /// What contains each category, nearest first. All that is in the file is a key.
    pub(super) above: HashMap<String, Vec<String>>,
    /// What contains something.
    pub(super) inner: HashSet<String>,
}

/// The hierarchies of a dimension that stand in files: the main one, then those of `also` in their order.
pub(super) type Chains = Vec<Option<Chain>>;

/// What a column of the dimension holds for totals.
struct Labels<'a> {
    total: Option<&'a str>,
    subtotal: Option<&'a str>,
}

impl Labels<'_> {
    fn is_margin(&self, word: &str) -> bool {
        word.is_empty() || self.total == Some(word) || self.subtotal == Some(word)
    }
}

/// Builds a dimension while files are read.
pub(super) struct AxisBuilder<'a> {
    spec: &'a DimensionSpec,
    axis: Axis,
    /// How many of the columns are the main hierarchy's; the others are those of `also`, in their order.
    levels: usize,
    /// The columns of each further hierarchy that stands in columns, nearest first, as positions in `axis.columns`.
    also: Vec<Vec<usize>>,
    chains: &'a Chains,
    /// The node above each node in each further hierarchy.
    above: Vec<HashMap<usize, usize>>,
}

impl<'a> AxisBuilder<'a> {
    pub(super) fn new(name: &str, spec: &'a DimensionSpec, chains: &'a Chains, across: bool) -> Self {
        let mut columns: Vec<String> = spec.within.iter().rev().cloned().collect();
        let mut also = Vec::new();
        if !across {
            columns.push(spec.column.clone().unwrap_or_else(|| name.to_owned()));
        }
        let levels = columns.len();
        for hierarchy in &spec.also {
            also.push((columns.len()..columns.len() + hierarchy.within.len()).collect());
            columns.extend(hierarchy.within.iter().cloned());
        }
        let axis = Axis {
            name: name.to_owned(),
            nodes: Vec::new(),
            trees: Vec::new(),
            total: None,
            columns,
            by_path: HashMap::new(),
        };
        Self { spec, axis, levels, also, chains, above: vec![HashMap::new(); spec.also.len()] }
    }

    fn labels(&self) -> Labels<'a> {
        Labels { total: self.spec.total.as_deref(), subtotal: self.spec.subtotal.as_deref() }
    }

    /// The columns whose words say where a row stands.
    pub(super) fn columns(&self) -> &[String] {
        &self.axis.columns
    }

    /// The node of each row of a file.
    pub(super) fn rows(&mut self, file: &RawFile, columns: &[&RawColumn]) -> Result<Vec<u32>> {
        let mut known: HashMap<Vec<u32>, u32> = HashMap::new();
        let mut nodes = Vec::with_capacity(file.rows);
        let mut before: (Vec<u32>, u32) = (Vec::new(), 0);
        let mut codes = vec![0; columns.len()];
        for row in 0..file.rows {
            codes.iter_mut().zip(columns).for_each(|(code, column)| *code = column.codes[row]);
            if before.0 != codes {
                let node = match known.get(&codes) {
                    Some(&node) => node,
                    None => {
                        let words: Vec<&str> = columns.iter().map(|column| unwrapped(column.word(row))).collect();
                        let node = self.place(&words).map_err(|why| {
                            Error::data("tables.dimension", format!("{}: {why}", file.place(row))).with_hint(
                                "correct the dimension in the spec (`within`, `total`, `subtotal`) or the file",
                            )
                        })?;
                        let node = u32::try_from(node).unwrap_or(u32::MAX);
                        known.insert(codes.clone(), node);
                        node
                    }
                };
                before = (codes.clone(), node);
            }
            nodes.push(before.1);
        }
        Ok(nodes)
    }

    /// The node of a category that stands in a column's name.
    pub(super) fn category(&mut self, word: &str) -> usize {
        if self.labels().total == Some(word) { self.total() } else { self.insert(&[word]) }
    }

    fn place(&mut self, words: &[&str]) -> Result<usize, String> {
        let labels = self.labels();
        let path: Vec<&str> = words[..self.levels].iter().copied().take_while(|word| !labels.is_margin(word)).collect();
        if let Some(inner) = words[path.len()..self.levels].iter().find(|word| !labels.is_margin(word)) {
            return Err(format!("`{inner}` stands below a total of dimension `{}`", self.axis.name));
        }
        if path.len() == self.levels {
            let node = self.insert(&path);
            return self.link(node, words).map(|()| node);
        }
        if !path.is_empty() {
            return Ok(self.insert(&path));
        }
        for (which, columns) in self.also.clone().into_iter().enumerate() {
            let path: Vec<&str> =
                columns.iter().rev().map(|&at| words[at]).take_while(|word| !labels.is_margin(word)).collect();
            if !path.is_empty() {
                return Ok(self.insert_also(which, &path));
            }
        }
        if labels.total.is_none() {
            return Err(format!("a total of dimension `{}`, and the spec gives it none", self.axis.name));
        }
        Ok(self.total())
    }

    /// Ties a category to those that contain it in the further hierarchies.
    fn link(&mut self, node: usize, words: &[&str]) -> Result<(), String> {
        for (which, columns) in self.also.clone().into_iter().enumerate() {
            if columns.is_empty() {
                continue;
            }
            let path: Vec<&str> = columns.iter().rev().map(|&at| words[at]).collect();
            let above = self.insert_also(which, &path);
            if *self.above[which].entry(node).or_insert(above) != above {
                let name = &self.axis.name;
                return Err(format!(
                    "a category of `{name}` stands in two categories of `{}`",
                    self.axis.columns[columns[0]]
                ));
            }
            for &at in &columns {
                self.axis.nodes[node].words[at] = words[at].to_owned();
            }
        }
        Ok(())
    }

    fn total(&mut self) -> usize {
        if let Some(total) = self.axis.total {
            return total;
        }
        let label = self.spec.total.clone().unwrap_or_default();
        let mut words = vec![self.margin_word(); self.axis.columns.len()];
        if let Some(first) = words.first_mut() {
            first.clone_from(&label);
        }
        self.axis.nodes.push(AxisNode {
            id: label.clone(),
            path: vec![label],
            of_also: None,
            level: self.axis.name.clone(),
            words,
        });
        self.axis.total = Some(self.axis.nodes.len() - 1);
        self.axis.nodes.len() - 1
    }

    fn margin_word(&self) -> String {
        self.spec.subtotal.clone().or_else(|| self.spec.total.clone()).unwrap_or_default()
    }

    fn insert(&mut self, path: &[&str]) -> usize {
        self.insert_at(None, path)
    }

    fn insert_also(&mut self, which: usize, path: &[&str]) -> usize {
        self.insert_at(Some(which), path)
    }

    /// The node of a path, made with those above it where it is new.
    fn insert_at(&mut self, of_also: Option<usize>, path: &[&str]) -> usize {
        let mut key: Vec<String> = path.iter().map(|&word| word.to_owned()).collect();
        if let Some(which) = of_also {
            key.insert(0, format!("\u{0}{which}"));
        }
        if let Some(&node) = self.axis.by_path.get(&key) {
            return node;
        }
        if path.len() > 1 {
            self.insert_at(of_also, &path[..path.len() - 1]);
        }
        let mut words = vec![self.margin_word(); self.axis.columns.len()];
        match of_also {
            None => path.iter().zip(&mut words).for_each(|(&word, into)| word.clone_into(into)),
            Some(which) => {
                let columns = self.also[which].iter().rev();
                columns.zip(path).for_each(|(&at, &word)| word.clone_into(&mut words[at]));
            }
        }
        let path: Vec<String> = path.iter().map(|&word| word.to_owned()).collect();
        let id = path.last().cloned().unwrap_or_default();
        let level = match of_also {
            None => self.axis.name.clone(),
            Some(which) => self.also[which].first().map_or_else(String::new, |&at| self.axis.columns[at].clone()),
        };
        self.axis.nodes.push(AxisNode { id, path, of_also, level, words });
        self.axis.by_path.insert(key, self.axis.nodes.len() - 1);
        self.axis.nodes.len() - 1
    }

    /// The dimension, once all its files are read.
    pub(super) fn finish(mut self) -> Result<Axis> {
        for chain in self.chains.iter().flatten() {
            let own: Vec<String> = self.axis.nodes.iter().filter_map(|node| node.path.last().cloned()).collect();
            for word in own {
                for above in chain.above.get(&word).into_iter().flatten() {
                    if self.spec.total.as_deref() != Some(above) {
                        self.insert(&[above]);
                    }
                }
            }
        }
        if self.spec.total.is_some() {
            self.total();
        }
        for which in 0..=self.spec.also.len() {
            let tree = self.tree(which)?;
            self.axis.trees.push(tree);
        }
        Ok(self.axis)
    }

    /// The main hierarchy (0) or a further one.
    fn tree(&self, which: usize) -> Result<Tree> {
        let axis = &self.axis;
        let mut tree = Tree { parent: vec![None; axis.nodes.len()], member: vec![false; axis.nodes.len()] };
        let chain = self.chains.get(which).and_then(Option::as_ref);
        for (at, node) in axis.nodes.iter().enumerate() {
            if axis.total == Some(at) {
                tree.member[at] = true;
                continue;
            }
            let (member, parent) = match (which, node.of_also) {
                _ if chain.is_some() => chain.map_or(Ok((false, None)), |chain| self.by_file(at, chain))?,
                (0, None) => (true, self.inner_parent(node, None)),
                (_, None) => {
                    let above = self.above[which - 1].get(&at).copied();
                    (above.is_some(), above)
                }
                (_, Some(also)) if also + 1 == which => (true, self.inner_parent(node, node.of_also)),
                _ => (false, None),
            };
            tree.member[at] = member;
            tree.parent[at] = if member { parent.or(axis.total) } else { None };
        }
        Ok(tree)
    }

    fn inner_parent(&self, node: &AxisNode, of_also: Option<usize>) -> Option<usize> {
        let mut above: Vec<String> = node.path[..node.path.len() - 1].to_vec();
        if above.is_empty() {
            return None;
        }
        if let Some(which) = of_also {
            above.insert(0, format!("\u{0}{which}"));
        }
        self.axis.by_path.get(&above).copied()
    }

    /// Membership and parent in a hierarchy that stands in a file.
    fn by_file(&self, at: usize, chain: &Chain) -> Result<(bool, Option<usize>)> {
        let word = self.axis.nodes[at].path.last().map_or("", String::as_str);
        let Some(above) = chain.above.get(word) else {
            // Of several hierarchies each knows its own totals; the categories must be in all of them.
            if self.chains.iter().flatten().any(|other| other.inner.contains(word)) {
                return Ok((false, None));
            }
            let said = format!("`{word}` of dimension `{}` is not in its hierarchy's file", self.axis.name);
            return Err(Error::data("tables.hierarchy", said).with_hint("add it to the file, or correct the column"));
        };
        let parent = above.first().and_then(|above| match self.spec.total.as_deref() {
            Some(total) if total == above => self.axis.total,
            _ => self.axis.by_path.get(std::slice::from_ref(above)).copied(),
        });
        Ok((true, parent))
    }
}

/// Gives the nodes of dimensions of one name the same ids in all tables: a category's own name, or its path where that
/// name stands for several.
pub(super) fn name_nodes(axes: &mut [&mut Axis]) {
    let mut paths: HashMap<&str, HashSet<&[String]>> = HashMap::new();
    let mut several: HashSet<String> = HashSet::new();
    for axis in axes.iter() {
        let mut own: HashMap<&str, usize> = HashMap::new();
        for node in axis.nodes.iter().filter(|node| node.of_also.is_none()) {
            let Some(word) = node.path.last() else { continue };
            *own.entry(word).or_default() += 1;
            if node.path.len() > 1 {
                paths.entry(word).or_default().insert(&node.path);
            }
        }
        several.extend(own.into_iter().filter(|(_, count)| *count > 1).map(|(word, _)| word.to_owned()));
    }
    several.extend(paths.into_iter().filter(|(_, paths)| paths.len() > 1).map(|(word, _)| word.to_owned()));
    for axis in axes.iter_mut() {
        let mut taken: HashSet<String> = HashSet::new();
        // Categories first, so that those of further hierarchies give way.
        let (own, also): (Vec<usize>, Vec<usize>) =
            (0..axis.nodes.len()).partition(|&at| axis.nodes[at].of_also.is_none());
        for at in own.into_iter().chain(also) {
            let node = &axis.nodes[at];
            let word = node.path.last().cloned().unwrap_or_default();
            let mut id = if several.contains(&word) && node.of_also.is_none() { node.path.join(JOIN) } else { word };
            while !taken.insert(id.clone()) {
                id = format!("{} {id}", node.level);
            }
            axis.nodes[at].id = id;
        }
    }
}
