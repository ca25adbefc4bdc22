//! `accord vault`

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Subcommand;

use super::app::App;
use super::output;
use crate::error::{Error, Result};
use crate::identity::Pseudonym;
use crate::release::{Opening, Orderer, StewardKey, Stewards, VaultDesk};

/// Open the re-identification vault, where the agreement has one
///
/// An agreement with a `vault` clause keeps, sealed, whom a pseudonym stands for. Two stewards of two parties open the
/// seals of named people, for a reason that the ledger keeps with both signatures.
#[derive(clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Say who pseudonyms stand for; the second steward's call shows it
    Open {
        /// The pipeline
        pipeline: String,
        /// The source
        source: String,
        /// Pseudonyms, 32 hexadecimal digits each
        #[arg(required = true, value_name = "PERSON")]
        people: Vec<String>,
        /// The steward who signs
        #[arg(long = "as", value_name = "ID", env = "ACCORD_AS")]
        actor: String,
        /// The steward's key file
        #[arg(long, value_name = "FILE", env = "ACCORD_KEY")]
        key: PathBuf,
        /// Why; needed of the first steward
        #[arg(long)]
        reason: Option<String>,
    },
}

pub(super) async fn run(app: &App, args: Args) -> Result<ExitCode> {
    let Command::Open { pipeline, source, people, actor, key, reason } = args.command;
    let workspace = app.load()?;
    let (state, keyring) = (app.state(&workspace)?, app.keyring(&workspace)?);
    let stewards = Stewards::resolve(&workspace.roles, &workspace.root)?;
    let people = people.iter().map(|text| pseudonym(text)).collect::<Result<Vec<_>>>()?;
    let desk = VaultDesk {
        state: &state,
        keyring: &keyring,
        pipeline: workspace.pipeline(&pipeline)?,
        stewards: &stewards,
        now: app.now(),
    };
    let key = StewardKey::load(&key)?;
    let orderer = Orderer { steward: &actor, key: &key, reason: reason.as_deref() };
    match desk.open(&source, &people, orderer).await? {
        Opening::Waiting(pending) => {
            let count = pending.order.people.len();
            output::line(format!("signed by {actor}: the seals of {count} people of {pipeline}.{source}"));
            output::line("nothing was opened: a second steward must run the same command, without --reason");
        }
        Opening::Open(opened) if app.json() => {
            let rows: Vec<_> = opened
                .iter()
                .map(|(person, values)| {
                    serde_json::json!({ "person": hex::encode(person.as_bytes()), "identifier": **values })
                })
                .collect();
            output::json(&rows)?;
        }
        Opening::Open(opened) => {
            for (person, values) in &opened {
                output::line(format!("{}  {}", hex::encode(person.as_bytes()), values.join(", ")));
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// A mistyped one is not repeated.
fn pseudonym(text: &str) -> Result<Pseudonym> {
    Pseudonym::from_hex(text).ok_or_else(|| {
        Error::usage("vault.no_pseudonym", "one of the people is no pseudonym")
            .with_hint("a pseudonym is 32 hexadecimal digits")
    })
}
