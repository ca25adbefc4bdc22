//! `accord keys destroy`

use std::path::PathBuf;

use crate::cli::app::App;
use crate::cli::{ledger, output};
use crate::error::{Error, Result};
use crate::identity::Keyring;
use crate::release::{Destroyer, Destruction, Ledger, Orderer, StewardKey, Stewards};
use crate::run::LOCK;
use crate::workspace::{Unlock, Workspace};

/// Destroy an agreement's keys for good; two stewards must sign
///
/// The first steward says which and why, the second signs the same. With the second signature every wrapped copy is
/// removed, in the keyring's folder and in the key service, and the ledger holds the proof: both signatures, the keys'
/// fingerprints and what was removed. From then on nobody can compute the agreement's pseudonyms or open its quarantine.
/// A copy that comes back from a backup is refused.
///
/// Stopped in the middle, the same command finishes it; no signature is needed for that.
#[derive(clap::Args)]
pub(super) struct Args {
    /// The agreement
    agreement: String,
    /// Only the key of this epoch (default: all keys of the agreement)
    #[arg(long, value_name = "NUMBER")]
    epoch: Option<u32>,
    /// The steward who signs
    #[arg(long = "as", value_name = "ID", env = "ACCORD_AS", requires = "key")]
    actor: Option<String>,
    /// The steward's key file
    #[arg(long, value_name = "FILE", env = "ACCORD_KEY", requires = "actor")]
    key: Option<PathBuf>,
    /// Why; needed of the first steward
    #[arg(long)]
    reason: Option<String>,
}

pub(super) async fn run(app: &App, workspace: &Workspace, args: &Args) -> Result<()> {
    super::known_agreement(workspace, &args.agreement)?;
    let Some(agreement) = workspace.agreements.get(&args.agreement) else {
        return Err(Error::internal("keys.no_agreement", "the agreement is not there"));
    };
    let state = app.state(workspace)?;
    let stewards = Stewards::resolve(&workspace.roles, &workspace.root)?;
    let keyring = keyring(app, workspace)?;
    let key = args.key.as_deref().map(StewardKey::load).transpose()?;
    let orderer = args.actor.as_deref().zip(key.as_ref()).map(|(steward, key)| Orderer {
        steward,
        key,
        reason: args.reason.as_deref(),
    });
    // A run that is under way has the key in its memory.
    let lock = state.lock(LOCK, args.actor.as_deref().unwrap_or("keys"), None).await?;
    let destroyer =
        Destroyer { ledger: Ledger::open(&state), keyring: &keyring, agreement, stewards: &stewards, now: app.now() };
    let outcome = destroyer.destroy(args.epoch, orderer).await;
    lock.release().await;
    let outcome = outcome?;
    if app.json() {
        return output::json(&json(&outcome));
    }
    say(&outcome);
    Ok(())
}

/// What age wrapped can be destroyed by those who can't open it, too.
fn keyring(app: &App, workspace: &Workspace) -> Result<Keyring> {
    let config = &workspace.settings.keyring;
    match (app.keyring(workspace), &config.unlock) {
        (Err(_), Unlock::Identity(_) | Unlock::Passphrase(_)) => Ok(Keyring::closed(&workspace.root, config)),
        (keyring, _) => keyring,
    }
}

fn say(outcome: &Destruction) {
    match outcome {
        Destruction::Waiting(order) => {
            let by = order.signatures.iter().map(|one| one.steward.as_str()).collect::<Vec<_>>().join(", ");
            output::line(format!("signed by {by}: {} is to be destroyed", ledger::doomed(&order.order)));
            output::line("nothing was removed: a second steward must sign, of another party where there is one:");
            output::line(format!(
                "  accord keys destroy {} --as STEWARD --key FILE    (until {})",
                order.order.agreement,
                order.expires_at.strftime("%Y-%m-%d %H:%MZ")
            ));
        }
        Destruction::Done { order, copies } => {
            output::line(format!("destroyed {}", ledger::doomed(order)));
            copies.iter().for_each(|copy| output::line(format!("  removed  {copy}")));
            output::line(
                "the ledger holds the proof (`accord ledger show`); now destroy the backups of the keyring, too",
            );
        }
        Destruction::DoneBefore(order) => {
            output::line(format!("{} was destroyed before; no copy is in the keyring", ledger::doomed(order)));
        }
    }
}

fn json(outcome: &Destruction) -> serde_json::Value {
    match outcome {
        Destruction::Waiting(order) => serde_json::json!({
            "state": "waiting", "order": order.order, "signatures": order.signatures, "expires_at": order.expires_at,
        }),
        Destruction::Done { order, copies } => {
            serde_json::json!({ "state": "destroyed", "order": order, "removed": copies })
        }
        Destruction::DoneBefore(order) => serde_json::json!({ "state": "destroyed_before", "order": order }),
    }
}
