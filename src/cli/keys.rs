//! `accord keys`

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use age::secrecy::ExposeSecret;
use clap::Subcommand;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;

use super::app::{App, randomness};
use super::output;
use crate::error::{Error, Result};
use crate::release::{Event, Ledger, StewardKey};
use crate::workspace::{PublicKeyRef, SecretRef, Unlock, Workspace};

/// Make and list keys
///
/// An agreement's key makes its pseudonyms; it lies wrapped in the keyring's folder. A steward's key signs approvals;
/// only its public half belongs into the workspace. No command prints a secret.
#[derive(clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Make the first key of an agreement
    New {
        /// The agreement
        agreement: String,
    },
    /// List the agreements' keys, without opening them
    List,
    /// Make the age identity that opens the keyring, at the path that accord.yaml names
    Identity,
    /// Make a steward's key: NAME.key to keep, NAME.pub for the workspace
    Steward {
        /// The steward, as in roles.yaml
        steward: String,
        /// The folder for the private half (default: beside the public half)
        #[arg(long, value_name = "DIR")]
        out: Option<PathBuf>,
    },
}

pub(super) async fn run(app: &App, args: Args) -> Result<ExitCode> {
    let workspace = app.load()?;
    match args.command {
        Command::New { agreement } => new(app, &workspace, &agreement).await?,
        Command::List => list(app, &workspace)?,
        Command::Identity => identity(&workspace)?,
        Command::Steward { steward, out } => steward_key(&workspace, &steward, out.as_deref())?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn new(app: &App, workspace: &Workspace, agreement: &str) -> Result<()> {
    if !workspace.agreements.contains_key(agreement) {
        let known = workspace.agreements.keys().cloned().collect::<Vec<_>>().join(", ");
        return Err(Error::usage("keys.no_agreement", format!("there is no agreement `{agreement}`"))
            .with_hint(format!("the workspace has {known}")));
    }
    let keys = app.keyring(workspace)?.create(agreement, &mut randomness)?;
    let event =
        Event::KeyCreated { agreement: agreement.to_owned(), epoch: keys.epoch(), fingerprint: keys.fingerprint() };
    Ledger::open(&app.state(workspace)?).append(app.now(), "keys", event).await?;
    output::line(format!("made key {} of {agreement}, fingerprint {}", keys.epoch(), keys.fingerprint()));
    Ok(())
}

fn list(app: &App, workspace: &Workspace) -> Result<()> {
    let keys = app.keyring(workspace)?.list()?;
    if app.json() {
        let rows: Vec<_> =
            keys.iter().map(|key| serde_json::json!({ "agreement": key.agreement, "epoch": key.epoch })).collect();
        return output::json(&rows);
    }
    let rows: Vec<Vec<String>> =
        keys.iter().map(|key| vec![key.agreement.clone(), format!("epoch {}", key.epoch)]).collect();
    output::columns(&rows).iter().for_each(output::line);
    Ok(())
}

fn identity(workspace: &Workspace) -> Result<()> {
    let Unlock::Identity(SecretRef::File(path)) = &workspace.settings.keyring.unlock else {
        return Err(Error::usage("keys.no_identity_file", "the keyring is not unlocked by an identity in a file")
            .with_hint("only `unlock: { identity: { file: PATH } }` names a file that this command can make"));
    };
    let identity = age::x25519::Identity::generate();
    write_private(&workspace.root.join(path), path, identity.to_string().expose_secret())?;
    output::line(format!("made {} ({})", path.display(), identity.to_public()));
    Ok(())
}

fn steward_key(workspace: &Workspace, steward: &str, out: Option<&Path>) -> Result<()> {
    let Some(role) = workspace.roles.stewards.get(steward) else {
        let known = workspace.roles.stewards.keys().collect::<Vec<_>>().join(", ");
        return Err(Error::usage("keys.no_steward", format!("there is no steward `{steward}`"))
            .with_hint(format!("config/roles.yaml has {known}")));
    };
    let mut seed = [0_u8; 32];
    randomness(&mut seed)?;
    let key = StewardKey::generate(&mut ChaCha20Rng::from_seed(seed));
    let beside = match &role.public_key {
        PublicKeyRef::File(path) => workspace.root.join(path),
        PublicKeyRef::Ed25519(_) => workspace.root.join(format!("{steward}.pub")),
    };
    let beside_folder = beside.parent().unwrap_or(&workspace.root);
    let folder = out.unwrap_or(beside_folder);
    make_folder(folder)?;
    make_folder(beside_folder)?;
    let private = folder.join(format!("{steward}.key"));
    key.save(&private)?;
    if matches!(role.public_key, PublicKeyRef::File(_)) {
        std::fs::write(&beside, format!("{}\n", key.public_key()))
            .map_err(|error| Error::failed("keys.write", "the public key can't be written").with_source(error))?;
    }
    output::line(format!("made {} (keep it to yourself); public key {}", private.display(), key.public_key()));
    Ok(())
}

fn make_folder(folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder)
        .map_err(|error| Error::failed("keys.write", format!("{} can't be made", folder.display())).with_source(error))
}

/// Writes a new file that only its owner can read.
fn write_private(path: &Path, shown: &Path, text: &str) -> Result<()> {
    use std::io::Write;
    if let Some(folder) = path.parent() {
        make_folder(folder)?;
    }
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).and_then(|mut file| writeln!(file, "{text}").and_then(|()| file.sync_all())).map_err(|error| {
        Error::failed("keys.write", format!("{} can't be written", shown.display()))
            .with_source(error)
            .with_hint("a key is never written over another")
    })
}
