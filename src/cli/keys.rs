//! `accord keys`

mod destroy;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use age::secrecy::ExposeSecret;
use clap::Subcommand;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;

use super::app::{App, randomness};
use super::output;
use crate::error::{Error, Result};
use crate::identity::{AgreementKeys, KeyInfo, Keyring};
use crate::release::{self, Entry, Event, Ledger, StewardKey, Stewards};
use crate::workspace::{PublicKeyRef, SecretRef, Unlock, Workspace};

/// Make, list, rotate and destroy keys
///
/// An agreement's key makes its pseudonyms; it lies wrapped in the keyring's folder. A steward's key signs approvals;
/// only its public half belongs into the workspace. No command prints a secret.
///
/// An agreement's key lives from `new` to `destroy`; `rotate` begins a new epoch beside it. docs/keys.md says what each
/// of them means for the data, and what to do on the day a key must die.
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
    /// List the agreements' keys and where each stands, without opening them
    List,
    /// Make the next key of an agreement: a new epoch, whose pseudonyms join nothing made before
    Rotate {
        /// The agreement
        agreement: String,
    },
    /// Wrap the keys that are there as accord.yaml says now
    ///
    /// For the recipients that it names now; and where `keyring.unlock` has changed, from an identity to a key service or
    /// the other way, from what `keyring.formerly` names to what `keyring.unlock` names. What wrapped them before is then
    /// removed, a key service's own key with it. Stopped in the middle, the same command finishes it.
    Rewrap {
        /// The agreement (default: all)
        agreement: Option<String>,
    },
    /// Print the public recipient of this keyring, for the `recipients` of another
    ExportRecipient,
    Destroy(destroy::Args),
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
        Command::List => list(app, &workspace).await?,
        Command::Rotate { agreement } => rotate(app, &workspace, &agreement).await?,
        Command::Rewrap { agreement } => rewrap(app, &workspace, agreement.as_deref()).await?,
        Command::ExportRecipient => output::line(app.keyring(&workspace)?.recipient()?),
        Command::Destroy(args) => destroy::run(app, &workspace, &args).await?,
        Command::Identity => identity(&workspace)?,
        Command::Steward { steward, out } => steward_key(&workspace, &steward, out.as_deref())?,
    }
    Ok(ExitCode::SUCCESS)
}

fn known_agreement(workspace: &Workspace, agreement: &str) -> Result<()> {
    if workspace.agreements.contains_key(agreement) {
        return Ok(());
    }
    let known = workspace.agreements.keys().cloned().collect::<Vec<_>>().join(", ");
    Err(Error::usage("keys.no_agreement", format!("there is no agreement `{agreement}`"))
        .with_hint(format!("the workspace has {known}")))
}

async fn new(app: &App, workspace: &Workspace, agreement: &str) -> Result<()> {
    known_agreement(workspace, agreement)?;
    let state = app.state(workspace)?;
    let ledger = Ledger::open(&state);
    let entries = ledger.entries().await?;
    let (keyring, dead) = (app.keyring(workspace)?, release::destroyed_keys(&entries));
    release::check_none_lost(&entries, &keyring, agreement)?;
    let keys = match keyring.create(agreement, &dead, &mut randomness).await {
        Ok(keys) => keys,
        // Killed between the key and its entry: the entry is made up for.
        Err(error) if error.code() == "identity.key_exists" => {
            let keys = keyring.load(agreement, &dead).await?;
            let info = KeyInfo { agreement: agreement.to_owned(), epoch: keys.epoch() };
            if release::recorded_fingerprint(&entries, &info).is_some() {
                return Err(error);
            }
            keys
        }
        Err(error) => return Err(error),
    };
    made(app, &ledger, &keys).await
}

async fn rotate(app: &App, workspace: &Workspace, agreement: &str) -> Result<()> {
    known_agreement(workspace, agreement)?;
    let state = app.state(workspace)?;
    let ledger = Ledger::open(&state);
    let entries = ledger.entries().await?;
    let (keyring, dead) = (app.keyring(workspace)?, release::destroyed_keys(&entries));
    let newest = release::living_key(&ledger, &keyring, agreement).await?;
    let info = KeyInfo { agreement: agreement.to_owned(), epoch: newest.epoch() };
    // Killed between the key and its entry: that epoch is the one that was asked for.
    if newest.epoch() > 1 && release::recorded_fingerprint(&entries, &info).is_none() {
        return made(app, &ledger, &newest).await;
    }
    let keys = keyring.rotate(agreement, &dead, &mut randomness).await?;
    made(app, &ledger, &keys).await?;
    output::say(format!(
        "the next run begins anew under it; what key {} encrypted stays readable until that key is destroyed",
        newest.epoch()
    ));
    Ok(())
}

async fn made(app: &App, ledger: &Ledger<'_>, keys: &AgreementKeys) -> Result<()> {
    let (agreement, fingerprint) = (keys.agreement().to_owned(), keys.fingerprint());
    let event = Event::KeyCreated { agreement, epoch: keys.epoch(), fingerprint };
    ledger.append(app.now(), "keys", event).await?;
    output::line(format!("made key {} of {}, fingerprint {}", keys.epoch(), keys.agreement(), keys.fingerprint()));
    Ok(())
}

async fn rewrap(app: &App, workspace: &Workspace, only: Option<&str>) -> Result<()> {
    only.map_or(Ok(()), |agreement| known_agreement(workspace, agreement))?;
    let state = app.state(workspace)?;
    let dead = release::destroyed_keys(&Ledger::open(&state).entries().await?);
    let keyring = app.keyring(workspace)?;
    for key in keyring.list()? {
        let living = dead.get(&key.agreement, key.epoch).is_none();
        if living && only.is_none_or(|agreement| agreement == key.agreement) {
            let removed = keyring.rewrap(&key, &dead).await?;
            output::line(format!("wrapped key {} of {} anew", key.epoch, key.agreement));
            removed.iter().for_each(|copy| output::line(format!("  removed  {copy}")));
        }
    }
    Ok(())
}

/// A key as it is listed.
#[derive(serde::Serialize)]
struct Listed {
    agreement: String,
    epoch: u32,
    /// By the ledger.
    fingerprint: Option<String>,
    state: String,
}

async fn list(app: &App, workspace: &Workspace) -> Result<()> {
    let state = app.state(workspace)?;
    let entries = Ledger::open(&state).entries().await?;
    let stewards = Stewards::resolve(&workspace.roles, &workspace.root).ok();
    let keyring = Keyring::closed(&workspace.root, &workspace.settings.keyring);
    let keys = listed(app, workspace, &entries, stewards.as_ref(), (&keyring.list()?, &keyring.unfinished()?));
    if app.json() {
        return output::json(&keys);
    }
    let fingerprint = |key: &Listed| key.fingerprint.clone().unwrap_or_else(|| "-".to_owned());
    let row =
        |key: &Listed| vec![key.agreement.clone(), format!("key {}", key.epoch), fingerprint(key), key.state.clone()];
    output::columns(&keys.iter().map(row).collect::<Vec<_>>()).iter().for_each(output::line);
    Ok(())
}

/// Keys that are there and keys that the ledger knows.
fn listed(
    app: &App,
    workspace: &Workspace,
    entries: &[Entry],
    stewards: Option<&Stewards>,
    (there, unfinished): (&[KeyInfo], &[KeyInfo]),
) -> Vec<Listed> {
    let dead = release::destroyed_keys(entries);
    let mut all: Vec<KeyInfo> = there.iter().chain(unfinished).cloned().collect();
    all.extend(workspace.agreements.keys().flat_map(|id| release::recorded_keys(entries, id)).map(|(key, _)| key));
    all.sort();
    all.dedup();
    let newest = |key: &KeyInfo| there.iter().all(|other| other.agreement != key.agreement || other.epoch <= key.epoch);
    let words = |key: &KeyInfo| {
        if let Some(dead) = dead.get(&key.agreement, key.epoch) {
            let back = if there.contains(key) { "; A COPY IS THERE, remove it with `accord keys destroy`" } else { "" };
            return format!("destroyed on {}{back}", dead.recorded);
        }
        if !there.contains(key) && release::recorded_fingerprint(entries, key).is_none() {
            return "NOT FINISHED: a key service holds a wrapping key for it; run `accord keys new` (or `rotate`) again"
                .to_owned();
        }
        if !there.contains(key) {
            return "lost: the ledger knows it, the keyring does not have it".to_owned();
        }
        let order = workspace.agreements.get(&key.agreement).zip(stewards).and_then(|(agreement, stewards)| {
            release::open_order(entries, agreement, stewards, app.now())
                .filter(|open| open.order.keys.iter().any(|one| one.epoch == key.epoch))
        });
        let mut state = if newest(key) { "in use" } else { "an earlier epoch" }.to_owned();
        if unfinished.contains(key) {
            state += "; A CHANGE OF ITS WRAPPING IS NOT FINISHED: run `accord keys rewrap` again";
        }
        match order {
            Some(order) => {
                let by = order.signatures.iter().map(|one| one.steward.as_str()).collect::<Vec<_>>().join(", ");
                format!("{state}; to be destroyed, signed by {by}, void on {}", order.expires_at.strftime("%Y-%m-%d"))
            }
            None => state,
        }
    };
    let listed = |key: &KeyInfo| Listed {
        agreement: key.agreement.clone(),
        epoch: key.epoch,
        fingerprint: release::recorded_fingerprint(entries, key),
        state: words(key),
    };
    all.iter().map(listed).collect()
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
