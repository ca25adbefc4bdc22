//! Keys of sources that rows of other sources refer to, as 128-bit hashes in place of the values.

use std::fmt;
use std::sync::Arc;

use super::keys::{KeyHasher, KeyTable};
use crate::error::{Error, Result};
use crate::spill::Spill;
use crate::workspace::{Contract, Rule};

/// The keys that the sources of a run refer to. A source that is referred to is read before those that refer to it.
#[derive(Default)]
pub struct References {
    referred: Vec<Referred>,
    hasher: KeyHasher,
    spill: Option<Spill>,
}

/// What the sources of a run ask of the rows of one contract.
#[derive(Clone)]
pub(super) struct Asked {
    /// Fields that rows of other sources refer to.
    pub(super) fields: Vec<Vec<String>>,
    /// What makes keys of all sources comparable.
    pub(super) hasher: KeyHasher,
}

struct Referred {
    contract: String,
    fields: Vec<String>,
    keys: Arc<KeyTable>,
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
        Self { referred, hasher: KeyHasher::default(), spill: None }
    }

    /// With so much memory for the keys of each source that is read, whatever rule asks for them. Without it, all are held
    /// in memory.
    #[must_use]
    pub fn spilling(mut self, spill: Spill) -> Self {
        self.spill = Some(spill);
        self
    }

    /// The room of each of so many tables of keys.
    pub(super) fn spill(&self, tables: usize) -> Option<Spill> {
        self.spill.as_ref().map(|spill| spill.share(tables))
    }

    /// The keys that a rule refers to.
    ///
    /// # Errors
    /// `intake.reference`: their source was not read.
    pub(super) fn keys(&self, contract: &str, fields: &[String]) -> Result<Arc<KeyTable>> {
        let known = self.referred.iter().find(|one| one.read && one.contract == contract && one.fields == fields);
        known.map(|one| Arc::clone(&one.keys)).ok_or_else(|| {
            let said = format!("check references to contract {contract}: no source of it was read before");
            Error::config("intake.reference", said).with_hint("add a source of that contract to the pipeline")
        })
    }

    /// What others ask of the rows of this contract.
    pub(super) fn asked(&self, contract: &str) -> Asked {
        let own = self.referred.iter().filter(|one| one.contract == contract);
        Asked { fields: own.map(|one| one.fields.clone()).collect(), hasher: self.hasher.clone() }
    }

    /// The keys of this contract that others refer to, taken out until its source has been read: their fields, and what
    /// is known of them.
    pub(super) fn take(&mut self, contract: &str) -> Vec<(Vec<String>, KeyTable)> {
        let own = self.referred.iter_mut().filter(|one| one.contract == contract);
        own.map(|one| (one.fields.clone(), std::mem::take(Arc::make_mut(&mut one.keys)))).collect()
    }

    /// Takes the keys back when the source has been read.
    ///
    /// # Errors
    /// `spill.read` or `spill.write` where the disk refuses.
    pub(super) fn learn(&mut self, contract: &str, fields: &[String], mut keys: KeyTable) -> Result<()> {
        keys.settle()?;
        if let Some(one) = self.referred.iter_mut().find(|one| one.contract == contract && one.fields == fields) {
            (one.keys, one.read) = (Arc::new(keys), true);
        }
        Ok(())
    }
}

impl fmt::Debug for References {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "References({}, ..)", self.referred.len())
    }
}
