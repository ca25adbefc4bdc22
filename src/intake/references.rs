//! Keys of sources that rows of other sources refer to, as 128-bit hashes in place of the values.

use std::fmt;
use std::sync::Arc;

use super::rules::Keys;
use crate::error::{Error, Result};
use crate::workspace::{Contract, Rule};

/// The keys that the sources of a run refer to. A source that is referred to is read before those that refer to it.
#[derive(Default)]
pub struct References(Vec<Referred>);

struct Referred {
    contract: String,
    fields: Vec<String>,
    keys: Arc<Keys>,
    read: bool,
}

impl References {
    /// Nothing known yet of what these contracts refer to.
    #[must_use]
    pub fn of<'c>(contracts: impl IntoIterator<Item = &'c Contract>) -> Self {
        let mut referred: Vec<Referred> = Vec::new();
        for rule in contracts.into_iter().flat_map(|contract| &contract.rules) {
            let Rule::Reference { contract, to, .. } = rule else { continue };
            if !referred.iter().any(|one| one.contract == *contract && one.fields == *to) {
                let (contract, fields) = (contract.clone(), to.clone());
                referred.push(Referred { contract, fields, keys: Arc::default(), read: false });
            }
        }
        Self(referred)
    }

    /// The keys that a rule refers to.
    ///
    /// # Errors
    /// `intake.reference`: their source was not read.
    pub(super) fn keys(&self, contract: &str, fields: &[String]) -> Result<Arc<Keys>> {
        let known = self.0.iter().find(|one| one.read && one.contract == contract && one.fields == fields);
        known.map(|one| Arc::clone(&one.keys)).ok_or_else(|| {
            let said = format!("check references to contract {contract}: no source of it was read before");
            Error::config("intake.reference", said).with_hint("add a source of that contract to the pipeline")
        })
    }

    /// The keys of this contract that others refer to: fields, and what is known of them.
    pub(super) fn wanted(&mut self, contract: &str) -> Vec<(Vec<String>, Keys)> {
        let own = self.0.iter_mut().filter(|one| one.contract == contract);
        own.map(|one| (one.fields.clone(), std::mem::take(Arc::make_mut(&mut one.keys)))).collect()
    }

    /// Takes the keys back when the source has been read.
    pub(super) fn learn(&mut self, contract: &str, fields: &[String], keys: Keys) {
        if let Some(one) = self.0.iter_mut().find(|one| one.contract == contract && one.fields == fields) {
            (one.keys, one.read) = (Arc::new(keys), true);
        }
    }
}

impl fmt::Debug for References {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "References({}, ..)", self.0.len())
    }
}
