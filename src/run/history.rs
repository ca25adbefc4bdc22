//! Earlier releases of a pipeline: readers keep them, so what would be published is protected and audited beside them.

use serde_json::{Value, json};

use super::Job;
use crate::disclosure::{Beside, Linked, PublicTable, Table, link};
use crate::error::Result;
use crate::release;

/// The releases of a pipeline that are public, withdrawn ones too: what was read can't be taken back.
pub(super) struct History {
    /// Version and tables, ascending.
    releases: Vec<(u32, Vec<PublicTable>)>,
}

/// What is public besides, for disclosure control and in words.
pub(super) struct Linkage {
    /// As disclosure control takes it.
    pub(super) beside: Beside,
    /// How each earlier table stands to the tables at hand, for the stewards.
    pub(super) report: Vec<Value>,
}

impl History {
    pub(super) async fn read(job: &Job<'_>, pipeline: &str) -> Result<Self> {
        Ok(Self { releases: release::published_tables(job.published, pipeline).await? })
    }

    /// The versions, ascending.
    pub(super) fn versions(&self) -> Vec<u32> {
        self.releases.iter().map(|(version, _)| *version).collect()
    }

    /// Compares the earlier releases with the tables at hand.
    pub(super) fn link(&self, tables: &[Table]) -> Linkage {
        let mut linkage = Linkage { beside: Beside::default(), report: Vec::new() };
        let mut seen: Vec<&PublicTable> = Vec::new();
        for (version, earlier) in &self.releases {
            for table in earlier {
                // The same again says nothing new.
                if seen.contains(&table) {
                    continue;
                }
                seen.push(table);
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
        Linked::Apart => "other figures throughout: nothing can be subtracted".to_owned(),
    }
}
