//! `accord release`

mod show;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Subcommand;

use super::app::App;
use super::output;
use crate::error::{Error, Result};
use crate::release::{self, Candidate, Context, Ledger, Standing, State, StewardKey, Stewards};
use crate::storage::Store;
use crate::workspace::{ResolvedPipeline, Workspace};

/// Look at candidates and releases, decide on them, publish and verify them
///
/// A candidate holds the very bytes that would be published. Stewards approve it with their key; an approval is over the
/// digest of the candidate, of the plan and of the agreement, so anything that changes voids it. Nobody approves what
/// they ran, and an unanswered candidate expires.
#[derive(clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Args)]
struct Chosen {
    /// The pipeline
    pipeline: String,
    /// The candidate's id or its beginning (default: the newest)
    candidate: Option<String>,
}

#[derive(clap::Args)]
struct Signer {
    /// The steward
    #[arg(long = "as", value_name = "ID", env = "ACCORD_AS")]
    actor: String,
    /// The steward's key file
    #[arg(long, value_name = "FILE", env = "ACCORD_KEY")]
    key: PathBuf,
}

#[derive(Subcommand)]
enum Command {
    /// List candidates and where each stands
    List {
        /// Only this pipeline's
        pipeline: Option<String>,
    },
    /// Show a candidate on a page: what it is, what it shows and hides, and who must say yes
    Show(Chosen),
    /// Say what differs between two candidates, or between the last release and the newest candidate
    Diff {
        /// The pipeline
        pipeline: String,
        /// The earlier candidate
        from: Option<String>,
        /// The later candidate
        to: Option<String>,
    },
    /// Say yes, signed
    Approve {
        #[command(flatten)]
        chosen: Chosen,
        #[command(flatten)]
        signer: Signer,
    },
    /// Send a candidate back to its author, signed
    Return {
        #[command(flatten)]
        chosen: Chosen,
        #[command(flatten)]
        signer: Signer,
        /// Why
        #[arg(long)]
        reason: String,
    },
    /// Say no, signed
    Reject {
        #[command(flatten)]
        chosen: Chosen,
        #[command(flatten)]
        signer: Signer,
        /// Why
        #[arg(long)]
        reason: String,
    },
    /// Take back a candidate, or a published version (its files stay; `latest.json` no longer points to it)
    Withdraw {
        #[command(flatten)]
        chosen: Chosen,
        /// The operator or steward
        #[arg(long = "as", value_name = "ID", env = "ACCORD_AS")]
        actor: String,
        /// The steward's key file; needed for a published version
        #[arg(long, value_name = "FILE", env = "ACCORD_KEY")]
        key: Option<PathBuf>,
        /// Why
        #[arg(long)]
        reason: String,
    },
    /// Publish an approved candidate: at once, whole and for good
    Publish {
        #[command(flatten)]
        chosen: Chosen,
        /// Who publishes
        #[arg(long = "as", value_name = "ID", env = "ACCORD_AS", default_value = "nightly")]
        actor: String,
    },
    /// Check a published version: files, sums, approvals, figures
    Verify {
        /// The pipeline
        pipeline: String,
        /// The version (default: the latest)
        #[arg(value_name = "VERSION", id = "number")]
        version: Option<u32>,
    },
}

pub(super) async fn run(app: &App, args: Args) -> Result<ExitCode> {
    let workspace = app.load()?;
    let desk = Desk::open(app, &workspace)?;
    match args.command {
        Command::List { pipeline } => desk.list(pipeline.as_deref()).await,
        Command::Show(chosen) => show::run(&desk, &chosen.pipeline, chosen.candidate.as_deref()).await,
        Command::Diff { pipeline, from, to } => desk.diff(&pipeline, from.as_deref(), to.as_deref()).await,
        Command::Approve { chosen, signer } => {
            let (context, id, key) = desk.signed(&chosen, &signer).await?;
            let standing = release::approve(&context, &chosen.pipeline, &id, &signer.actor, &key).await?;
            desk.decided(&id, &standing, &format!("approved by {}", signer.actor))
        }
        Command::Return { chosen, signer, reason } => {
            let (context, id, key) = desk.signed(&chosen, &signer).await?;
            let standing = release::return_(&context, &chosen.pipeline, &id, &signer.actor, &key, &reason).await?;
            desk.decided(&id, &standing, "returned")
        }
        Command::Reject { chosen, signer, reason } => {
            let (context, id, key) = desk.signed(&chosen, &signer).await?;
            let standing = release::reject(&context, &chosen.pipeline, &id, &signer.actor, &key, &reason).await?;
            desk.decided(&id, &standing, "rejected")
        }
        Command::Withdraw { chosen, actor, key, reason } => {
            let context = desk.context(desk.workspace.pipeline(&chosen.pipeline)?);
            let id = desk.candidate(&chosen.pipeline, chosen.candidate.as_deref()).await?.id;
            let key = key.as_deref().map(StewardKey::load).transpose()?;
            let standing = release::withdraw(&context, &chosen.pipeline, &id, &actor, key.as_ref(), &reason).await?;
            desk.decided(&id, &standing, "withdrawn")
        }
        Command::Publish { chosen, actor } => desk.publish(&chosen, &actor).await,
        Command::Verify { pipeline, version } => desk.verify(&pipeline, version).await,
    }
}

/// What all of the commands need.
struct Desk<'a> {
    app: &'a App,
    workspace: &'a Workspace,
    state: Store,
    published: Store,
}

impl<'a> Desk<'a> {
    fn open(app: &'a App, workspace: &'a Workspace) -> Result<Self> {
        Ok(Self { app, workspace, state: app.state(workspace)?, published: app.published(workspace)? })
    }

    fn context<'b>(&'b self, pipeline: &'b ResolvedPipeline) -> Context<'b> {
        Context {
            state: &self.state,
            published: &self.published,
            roles: &self.workspace.roles,
            agreement: &pipeline.agreement,
            agreement_digest: &pipeline.agreement_digest,
            now: self.app.now(),
            today: self.app.today(),
            root: &self.workspace.root,
        }
    }

    fn stewards(&self) -> Result<Stewards> {
        Stewards::resolve(&self.workspace.roles, &self.workspace.root)
    }

    /// The named candidate, or the newest by the ledger.
    async fn candidate(&self, pipeline: &str, id: Option<&str>) -> Result<Candidate> {
        self.workspace.pipeline(pipeline)?;
        let id = match id {
            Some(id) => id.to_owned(),
            None => {
                let entries = Ledger::open(&self.state).entries().await?;
                release::known_candidates(&entries, pipeline).pop().ok_or_else(|| {
                    Error::usage("release.no_candidate", format!("`{pipeline}` has no candidate"))
                        .with_hint(format!("accord run {pipeline}"))
                })?
            }
        };
        Candidate::load(&self.state, pipeline, &id).await
    }

    async fn signed<'b>(&'b self, chosen: &Chosen, signer: &Signer) -> Result<(Context<'b>, String, StewardKey)> {
        let pipeline = self.workspace.pipeline(&chosen.pipeline)?;
        let id = self.candidate(&chosen.pipeline, chosen.candidate.as_deref()).await?.id;
        Ok((self.context(pipeline), id, StewardKey::load(&signer.key)?))
    }

    async fn list(&self, only: Option<&str>) -> Result<ExitCode> {
        if let Some(name) = only {
            self.workspace.pipeline(name)?;
        }
        let entries = Ledger::open(&self.state).entries().await?;
        let stewards = self.stewards()?;
        let mut rows = Vec::new();
        let mut values = Vec::new();
        for (name, pipeline) in self.workspace.pipelines.iter().filter(|(name, _)| only.is_none_or(|one| one == *name))
        {
            for id in release::known_candidates(&entries, name).iter().rev() {
                let Some(standing) = release::standing(&entries, id, self.app.now(), &pipeline.agreement, &stewards)
                else {
                    continue;
                };
                rows.push(vec![name.clone(), id.clone(), words(&standing)]);
                values.push(serde_json::json!({ "pipeline": name, "candidate": id, "standing": standing }));
            }
        }
        if self.app.json() {
            output::json(&values)?;
        } else if rows.is_empty() {
            output::line("no candidates yet; `accord run` makes them");
        } else {
            output::columns(&rows).iter().for_each(output::line);
        }
        Ok(ExitCode::SUCCESS)
    }

    async fn diff(&self, pipeline: &str, from: Option<&str>, to: Option<&str>) -> Result<ExitCode> {
        let later = self.candidate(pipeline, to).await?;
        let later_folder = later.release_folder();
        let difference = match from {
            Some(id) => {
                let earlier = self.candidate(pipeline, Some(id)).await?.release_folder();
                release::diff((&self.state, &earlier), (&self.state, &later_folder)).await?
            }
            None => {
                let latest = release::latest(&self.published, pipeline).await?.and_then(|latest| latest.version);
                let Some(version) = latest else {
                    output::line("nothing has been released yet: there is nothing to compare with");
                    return Ok(ExitCode::SUCCESS);
                };
                let folder = release::version_folder(pipeline, version);
                release::diff((&self.published, &folder), (&self.state, &later_folder)).await?
            }
        };
        if self.app.json() {
            output::json(&difference)?;
        } else {
            show::difference(&difference).iter().for_each(output::line);
        }
        Ok(ExitCode::SUCCESS)
    }

    fn decided(&self, id: &str, standing: &Standing, what: &str) -> Result<ExitCode> {
        if self.app.json() {
            output::json(&serde_json::json!({ "candidate": id, "standing": standing }))?;
        } else {
            output::line(format!("{id}: {what}; {}", words(standing)));
        }
        Ok(ExitCode::SUCCESS)
    }

    async fn publish(&self, chosen: &Chosen, actor: &str) -> Result<ExitCode> {
        let context = self.context(self.workspace.pipeline(&chosen.pipeline)?);
        let id = self.candidate(&chosen.pipeline, chosen.candidate.as_deref()).await?.id;
        let published = release::publish(&context, &chosen.pipeline, &id, actor).await?;
        if self.app.json() {
            output::json(&published)?;
        } else if published.already {
            output::line(format!(
                "{id} is version {} already, at {}; nothing was done",
                published.version, published.path
            ));
        } else {
            output::line(format!("published {id} as version {}, at {}", published.version, published.path));
        }
        Ok(ExitCode::SUCCESS)
    }

    async fn verify(&self, pipeline: &str, version: Option<u32>) -> Result<ExitCode> {
        let stewards = self.stewards()?;
        let report = release::verify(&self.published, pipeline, version, Some(&stewards)).await?;
        if self.app.json() {
            output::json(&report)?;
        } else {
            output::line(format!("{} version {} ({})", report.pipeline, report.version, report.path));
            let rows: Vec<Vec<String>> = report
                .checks
                .iter()
                .map(|check| {
                    vec![if check.ok { "ok" } else { "FAILED" }.to_owned(), check.name.clone(), check.detail.clone()]
                })
                .collect();
            output::columns(&rows).iter().for_each(|row| output::line(format!("  {row}")));
        }
        if report.passed() {
            return Ok(ExitCode::SUCCESS);
        }
        Err(Error::failed(
            "release.not_verified",
            format!("version {} of `{pipeline}` does not verify", report.version),
        )
        .with_hint("do not use it; compare it with a backup, and tell the stewards"))
    }
}

/// Where a candidate stands, in words.
pub(super) fn words(standing: &Standing) -> String {
    match &standing.state {
        State::Waiting => {
            let by = standing.approved_by.iter().map(|(_, steward)| steward.as_str()).collect::<Vec<_>>();
            let by = if by.is_empty() { String::new() } else { format!(" (by {})", by.join(", ")) };
            let missing = if standing.missing_parties.is_empty() {
                String::new()
            } else {
                format!(", still needed from {}", standing.missing_parties.join(" and "))
            };
            format!(
                "waiting: {} of {} approvals{by}{missing}; expires {}",
                standing.approved_by.len(),
                standing.required,
                standing.expires_at.strftime("%Y-%m-%d %H:%MZ")
            )
        }
        State::Approved => "approved; `accord release publish` puts it out".to_owned(),
        State::Returned { by, reason } => format!("returned by {by}: {reason}"),
        State::Rejected { by, reason } => format!("rejected by {by}: {reason}"),
        State::Withdrawn { by, reason, version: Some(version) } => {
            format!("version {version} withdrawn by {by}: {reason}")
        }
        State::Withdrawn { by, reason, version: None } => format!("withdrawn by {by}: {reason}"),
        State::Expired => "expired: nobody answered in time, which is a no".to_owned(),
        State::Superseded { by } => format!("superseded by {by}"),
        State::Published { version } => format!("published as version {version}"),
    }
}
