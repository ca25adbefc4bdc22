//! Secrets are typed nodes in `config/`; what they stand for comes in from outside through [`Secrets`].

use std::path::{Path, PathBuf};

use secrecy::SecretString;

use super::types::SecretRef;
use crate::error::{Error, Result};

/// Gives what a [`SecretRef`] stands for.
pub trait Secrets: Send + Sync {
    /// The secret's text, without a line end.
    ///
    /// # Errors
    /// A config error that names the variable or the file, never its content.
    fn resolve(&self, reference: &SecretRef) -> Result<SecretString>;
}

/// Secrets from files of a workspace and from variables that the caller hands in.
pub struct WorkspaceSecrets<F> {
    root: PathBuf,
    variable: F,
}

impl<F: Fn(&str) -> Option<String> + Send + Sync> WorkspaceSecrets<F> {
    /// Files are relative to `root`; `variable` looks up an environment variable.
    pub fn new(root: impl Into<PathBuf>, variable: F) -> Self {
        Self { root: root.into(), variable }
    }
}

impl<F: Fn(&str) -> Option<String> + Send + Sync> Secrets for WorkspaceSecrets<F> {
    fn resolve(&self, reference: &SecretRef) -> Result<SecretString> {
        match reference {
            SecretRef::Env(name) => (self.variable)(name).map(SecretString::from).ok_or_else(|| {
                Error::config("config.secret_missing", format!("environment variable {name} is not set"))
                    .with_hint(format!("export {name}, or change the node to {{ file: PATH }}"))
            }),
            SecretRef::File(path) => read_secret(&self.root.join(path), path),
        }
    }
}

fn read_secret(full: &Path, shown: &Path) -> Result<SecretString> {
    let text = std::fs::read_to_string(full).map_err(|error| {
        Error::config("config.secret_missing", format!("secret file {} can't be read", shown.display()))
            .with_source(error)
            .with_hint("create the file, or point the `{ file: … }` node elsewhere")
    })?;
    Ok(SecretString::from(text.trim_end_matches(['\r', '\n'])))
}
