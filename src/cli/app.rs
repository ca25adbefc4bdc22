//! What every command may ask for: the workspace, its storages, its keyring, the time.

use std::io::IsTerminal;
use std::path::PathBuf;

use jiff::Timestamp;
use jiff::civil::Date;

use super::{Color, Format, Global};
use crate::error::{Error, Result};
use crate::identity::Keyring;
use crate::intake::Extracts;
use crate::model::EngineOptions;
use crate::storage::{PartnerStore, Store};
use crate::workspace::{self, SecretRef, Secrets, StorageConfig, Unlock, Workspace, WorkspaceSecrets};

/// The process as commands see it.
pub(super) struct App {
    global: Global,
}

impl App {
    pub(super) fn new(global: Global) -> Self {
        // Needed once per process; a second call changes nothing.
        let _ = rustls::crypto::ring::default_provider().install_default();
        opendal_http_transport_reqwest::install_default();
        Self { global }
    }

    pub(super) fn json(&self) -> bool {
        self.global.output == Format::Json
    }

    /// Whether to colour what goes to standard error.
    pub(super) fn color(&self) -> bool {
        self.colors(std::io::stderr().is_terminal())
    }

    /// Whether to colour what goes to a stream that is a terminal, or is not.
    pub(super) fn colors(&self, terminal: bool) -> bool {
        match self.global.color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => terminal && std::env::var_os("NO_COLOR").is_none(),
        }
    }

    /// The workspace's folder.
    pub(super) fn root(&self) -> Result<PathBuf> {
        let start = match &self.global.workspace {
            Some(folder) => folder.clone(),
            None => std::env::current_dir()
                .map_err(|error| Error::failed("cli.folder", "the current folder can't be read").with_source(error))?,
        };
        workspace::find_root(&start)
    }

    pub(super) fn load(&self) -> Result<Workspace> {
        workspace::load(&self.root()?)
    }

    pub(super) fn secrets(&self, workspace: &Workspace) -> impl Secrets + use<> {
        WorkspaceSecrets::new(workspace.root.clone(), |name: &str| std::env::var(name).ok())
    }

    fn store(&self, workspace: &Workspace, config: &StorageConfig) -> Result<Store> {
        Store::open(config, &workspace.root, &self.secrets(workspace), Timestamp::now)
    }

    /// Extracts where they are, and partners' storages, which are opened when they are needed.
    pub(super) fn extracts(&self, workspace: &Workspace) -> Result<Extracts> {
        let store = self.store(workspace, &workspace.settings.extracts)?;
        let (secrets, root) = (self.secrets(workspace), workspace.root.clone());
        let partners = workspace.settings.partners.clone();
        let open = move |partner: &str| {
            let config = partners.get(partner);
            config.map(|config| PartnerStore::open(partner, config, &root, &secrets)).transpose()
        };
        Ok(Extracts::new(store, Box::new(open), Timestamp::now))
    }

    pub(super) fn state(&self, workspace: &Workspace) -> Result<Store> {
        self.store(workspace, &workspace.settings.state)
    }

    pub(super) fn published(&self, workspace: &Workspace) -> Result<Store> {
        self.store(workspace, &workspace.settings.published)
    }

    pub(super) fn keyring(&self, workspace: &Workspace) -> Result<Keyring> {
        let config = &workspace.settings.keyring;
        Keyring::open(&workspace.root, config, &self.secrets(workspace)).map_err(|error| match &config.unlock {
            Unlock::Identity(SecretRef::File(path)) if error.code() == "config.secret_missing" => error.with_hint(format!(
                "the first time, `accord keys identity` makes {}; where keys are there already, put it back from its safe",
                path.display()
            )),
            _ => error,
        })
    }

    pub(super) fn engine(&self, workspace: &Workspace) -> EngineOptions {
        let config = &workspace.settings.engine;
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        EngineOptions {
            memory_limit: config.memory_limit.0,
            spill: workspace.root.join(&config.spill_directory),
            threads: config.threads.unwrap_or(cores),
        }
    }

    pub(super) fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    /// Today, in this machine's time zone.
    pub(super) fn today(&self) -> Date {
        jiff::Zoned::now().date()
    }
}

/// Bytes from the operating system's generator.
pub(super) fn randomness(bytes: &mut [u8]) -> Result<()> {
    getrandom::fill(bytes).map_err(|_| Error::failed("cli.randomness", "the system gives no randomness"))
}
