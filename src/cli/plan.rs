//! `accord plan`

use std::process::ExitCode;

use super::app::App;
use super::output;
use crate::error::Result;
use crate::model::session;
use crate::plan;
use crate::release::{Candidate, Manifest, latest};
use crate::storage::Store;

/// Say in a page what a pipeline would read, publish and need
///
/// What would be read under which clause of the agreement, what would be published to whom, who must approve, and what
/// changed since the last release. No row is read.
#[derive(clap::Args)]
pub(super) struct Args {
    /// The pipeline
    pipeline: String,
}

pub(super) async fn run(app: &App, args: &Args) -> Result<ExitCode> {
    let workspace = app.load()?;
    let pipeline = workspace.pipeline(&args.pipeline)?;
    let mut engine = app.engine(&workspace);
    engine.spill = std::env::temp_dir();
    let checked = plan::check(&session(&engine)?, pipeline).await?;
    let page = plan::page(&checked, &workspace.roles);
    let published = app.published(&workspace)?;
    let state = app.state(&workspace)?;
    let changes = last_published(&published, &state, &args.pipeline).await?.map(|(version, manifest)| {
        let before: Vec<String> = manifest.policy["plan"]
            .as_array()
            .map(|lines| lines.iter().filter_map(|line| line.as_str().map(str::to_owned)).collect())
            .unwrap_or_default();
        (version, plan::changes(&before, &page))
    });
    if app.json() {
        output::json(&serde_json::json!({
            "pipeline": args.pipeline, "plan_digest": pipeline.plan_digest, "page": page,
            "since": changes.as_ref().map(|(version, _)| version), "changes": changes.as_ref().map(|(_, lines)| lines),
        }))?;
        return Ok(ExitCode::SUCCESS);
    }
    page.iter().for_each(output::line);
    output::line("");
    match changes {
        None => output::line("Nothing has been released yet."),
        Some((version, lines)) if lines.is_empty() => output::line(format!("Unchanged since release {version}.")),
        Some((version, lines)) => {
            output::line(format!("Changed since release {version}"));
            lines.iter().for_each(|change| output::line(format!("  {change}")));
        }
    }
    if let Err(error) = plan::in_force(pipeline, app.today()) {
        output::line("");
        output::line(format!("This plan can't run now: {error}."));
    }
    Ok(ExitCode::SUCCESS)
}

/// The version that `latest.json` points to, with the manifest of its candidate.
async fn last_published(published: &Store, state: &Store, pipeline: &str) -> Result<Option<(u32, Manifest)>> {
    let Some(latest) = latest(published, pipeline).await? else { return Ok(None) };
    let (Some(version), Some(id)) = (latest.version, latest.candidate) else { return Ok(None) };
    Ok(Some((version, Candidate::load(state, pipeline, &id).await?.manifest)))
}
