//! Earlier releases of a pipeline, and those of other pipelines over the same people: readers keep them, so what would be
//! published is protected and audited beside them.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::Job;
use crate::disclosure::{Beside, Linked, PublicTable, Resemblance, Table, link, link_restated, resembles};
use crate::error::{Error, Result};
use crate::release::{self, EarlierTable, Method};
use crate::workspace::ResolvedPipeline;

/// The releases of a pipeline that are public, withdrawn ones too: what was read can't be taken back.
pub(super) struct History {
    /// Version and tables, ascending.
    releases: Vec<(u32, Vec<EarlierTable>)>,
    /// The same of other pipelines that read an extract of the same contract.
    others: Vec<(String, u32, Vec<EarlierTable>)>,
}

/// What is public besides, for disclosure control and in words.
pub(super) struct Linkage {
    /// As disclosure control takes it.
    pub(super) beside: Beside,
    /// How each earlier table stands to the tables at hand, for the stewards.
    pub(super) report: Vec<Value>,
}

impl History {
    pub(super) async fn read(job: &Job<'_>, pipeline: &ResolvedPipeline) -> Result<Self> {
        let name = &pipeline.spec.name;
        let contracts: Vec<String> = pipeline.sources.iter().map(|source| source.contract.id.clone()).collect();
        let mut others = Vec::new();
        for (other, versions) in release::over_the_same(job.published, name, &contracts).await? {
            let tables = release::published_tables(job.published, &other).await?;
            let tables = tables.into_iter().filter(|(version, _)| versions.contains(version));
            others.extend(tables.map(|(version, tables)| (other.clone(), version, tables)));
        }
        Ok(Self { releases: release::published_tables(job.published, name).await?, others })
    }

    /// The versions of other pipelines, ascending.
    pub(super) fn versions_of_others(&self) -> BTreeMap<String, Vec<u32>> {
        let mut versions: BTreeMap<String, Vec<u32>> = BTreeMap::new();
        for (pipeline, version, _) in &self.others {
            versions.entry(pipeline.clone()).or_default().push(*version);
        }
        versions
    }

    /// The versions, ascending.
    pub(super) fn versions(&self) -> Vec<u32> {
        self.releases.iter().map(|(version, _)| *version).collect()
    }

    /// Refuses another method than that of the earlier releases: a figure that is hidden in one of them and rounded in the
    /// other is not hidden, and the same people under two kinds of noise are nearly without.
    ///
    /// # Errors
    /// `disclosure.other_method` naming the release and both methods.
    pub(super) fn check_method(&self, method: &Method) -> Result<()> {
        let named = |version: &u32| format!("release {version}");
        let own =
            self.releases.iter().flat_map(|(version, tables)| tables.iter().map(move |one| (named(version), one)));
        let others = self.others.iter().flat_map(|(pipeline, version, tables)| {
            tables.iter().map(move |one| (format!("release {version} of `{pipeline}`"), one))
        });
        match own.chain(others).find(|(_, one)| one.method != *method) {
            None => Ok(()),
            Some((release, one)) => {
                let (before, now) = (one.method.name(), method.name());
                let now = if before == now { format!("{now}, under another key") } else { now };
                let message = format!("{release} protects the same people by {before}, and this one by {now}");
                Err(Error::disclosure("disclosure.other_method", message).with_hint(
                    "both together protect nobody as either promises: keep the method of the earlier releases, with its \
                     parameters and its key. Withdrawn releases count: what was read can't be taken back",
                ))
            }
        }
    }

    /// The earlier tables as readers have them, the same once.
    pub(super) fn tables(&self) -> Vec<PublicTable> {
        let mut tables: Vec<PublicTable> = Vec::new();
        for one in self.releases.iter().flat_map(|(_, tables)| tables) {
            if !tables.contains(&one.table) {
                tables.push(one.table.clone());
            }
        }
        tables
    }

    /// How each earlier table of changed figures stands to those at hand, for the stewards.
    pub(super) fn alike(&self, method: &Method) -> Vec<Value> {
        let linked = match method {
            Method::CellKey { .. } => "the same people have the same noise",
            _ => "rounded to the same base, and compared figure by figure",
        };
        let each = self.releases.iter().flat_map(|(version, tables)| tables.iter().map(move |one| (version, one)));
        each.map(|(version, one)| json!({ "version": version, "table": one.table.name, "linked": linked })).collect()
    }

    /// Compares the earlier releases with the tables at hand. Only what is the same is linked where they contradict each
    /// other otherwise (`restated`).
    pub(super) fn link(&self, tables: &[Table], restated: bool) -> Linkage {
        let mut linkage = Linkage { beside: Beside::default(), report: Vec::new() };
        let mut seen: Vec<&PublicTable> = Vec::new();
        let mut universes: Vec<&str> = tables.iter().map(|table| table.universe.as_str()).collect();
        universes.sort_unstable();
        universes.dedup();
        for (pipeline, version, earlier) in &self.others {
            for EarlierTable { table, .. } in earlier {
                for universe in &universes {
                    // Whom another pipeline counts nobody says: its figures do, as they do to a reader.
                    let table = PublicTable { universe: (*universe).to_owned(), ..table.clone() };
                    let edition = format!("release {version} of {pipeline}");
                    let linked = match resembles(&table, tables) {
                        Resemblance::None => continue,
                        Resemblance::Whole if !restated => link(&table, &edition, tables, &mut linkage.beside),
                        _ => link_restated(&table, &edition, tables, &mut linkage.beside),
                    };
                    let (table, linked) = (&table.name, words(&linked));
                    let said = json!({ "pipeline": pipeline, "version": version, "table": table, "linked": linked });
                    linkage.report.push(said);
                }
            }
        }
        for (version, earlier) in &self.releases {
            for EarlierTable { table, .. } in earlier {
                // The same again says nothing new.
                if seen.contains(&table) {
                    continue;
                }
                seen.push(table);
                let link = if restated { link_restated } else { link };
                let linked = link(table, &format!("release {version}"), tables, &mut linkage.beside);
                linkage.report.push(json!({ "version": version, "table": table.name, "linked": words(&linked) }));
            }
        }
        linkage
    }
}

fn words(linked: &Linked) -> String {
    match linked {
        Linked::Restated => "the same figures".to_owned(),
        Linked::Partly { dimension, categories } => {
            format!("the same figures in {categories} categories of {dimension}")
        }
        Linked::Grown => "grown since: those who came are a group".to_owned(),
        Linked::Parts { parts: 1 } => "the same figures in one part".to_owned(),
        Linked::Parts { parts } => format!("the same figures in {parts} parts"),
        Linked::Apart => "other figures throughout: nothing can be subtracted".to_owned(),
    }
}
