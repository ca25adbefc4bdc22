//! `accord review`

use std::process::ExitCode;

use super::app::App;
use super::output;
use crate::error::{Error, Result};
use crate::release::{self, Ledger};
use crate::run;

/// Print the pairs of a link that wait for somebody's look
///
/// Prints the work list of the last run as CSV: two pseudonyms, the key that made them, how probable it is that they
/// are the same person, and how each compared field agrees; no value of anybody. Fill in the decision column with `same` or `different`, put the
/// file beside pipeline.yaml and name it under `decisions` in the link: the next run reads it.
#[derive(clap::Args)]
pub(super) struct Args {
    /// The pipeline
    pipeline: String,
    /// The link
    link: String,
}

pub(super) async fn run(app: &App, args: &Args) -> Result<ExitCode> {
    let workspace = app.load()?;
    let pipeline = workspace.pipeline(&args.pipeline)?;
    let links = &pipeline.spec.identity.links;
    if links.get(&args.link).is_none_or(|link| link.probabilistic.is_none()) {
        let names: Vec<_> = links.iter().filter(|one| one.1.probabilistic.is_some()).map(|one| one.0).collect();
        let message = format!("`{}` has no link `{}` by probability", args.pipeline, args.link);
        return Err(Error::usage("review.no_link", message).with_hint(match names.is_empty() {
            true => "none of its links has `probabilistic`".to_owned(),
            false => format!("its links by probability are {}", names.join(", ")),
        }));
    }
    let state = app.state(&workspace)?;
    let keys = release::living_key(&Ledger::open(&state), &app.keyring(&workspace)?, &pipeline.agreement.id).await?;
    output::text(&run::work_list(&state, &args.pipeline, &args.link, &keys).await?);
    Ok(ExitCode::SUCCESS)
}
