//! `accord extracts`

use std::collections::BTreeSet;
use std::process::ExitCode;
use std::time::Duration;

use serde_json::{Value, json};

use super::app::App;
use super::output;
use super::progress::Reading;
use crate::error::{Error, Result};
use crate::intake::{Extracts, Fetched, Place, Standing};
use crate::workspace::Workspace;

/// Look at extracts where partners have them, and fetch them
///
/// `partners` in config/accord.yaml says where a partner's extracts are fetched from: a folder, S3, Google Cloud
/// Storage, Azure, WebDAV, HTTPS, SFTP. What is fetched is laid down in the storage of extracts, under `landed/`, whole
/// and known by its digest, and stays there. `accord run` fetches by itself what it needs; these commands are for
/// looking first, and for fetching without a run. Nothing is ever written at a partner.
#[derive(clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// List what the sources of all pipelines would read, and where it is
    ///
    /// Each file with its size, its time, and how it stands: `in place` (the partner puts it into the storage of
    /// extracts itself), `new`, `landed`, `landed, gone there` (the partner has removed it; the copy is read), `being written`.
    List {
        /// Only these partners
        partners: Vec<String>,
    },
    /// Fetch what is new, without a run
    ///
    /// A file that has landed and whose size, time and tag are the same is not fetched again. A file that changes
    /// while it is read, or whose name says that it is not whole yet (`.part`, `.filepart`, `.tmp`), is left for the
    /// next time. On a terminal a bar shows how far it is, elsewhere a JSON line every two seconds (on standard error).
    /// Exits 75 where a partner's server is down or refuses; what the others had has landed then.
    Fetch {
        /// Only these partners
        partners: Vec<String>,
        /// Seconds to wait for another fetch to end before giving up with exit code 75
        #[arg(long, value_name = "SECONDS", default_value_t = 0)]
        wait: u64,
    },
}

/// What some source of a pipeline reads: a partner and a pattern.
type Wanted = BTreeSet<(String, String)>;

pub(super) async fn run(app: &App, args: Args) -> Result<ExitCode> {
    let workspace = app.load()?;
    let extracts = app.extracts(&workspace)?;
    let (results, failed) = match &args.command {
        Command::List { partners } => list(app, &extracts, &wanted(&workspace, partners)?).await,
        Command::Fetch { partners, wait } => {
            let wait = (*wait > 0).then(|| Duration::from_secs(*wait));
            fetch(app, &extracts, &wanted(&workspace, partners)?, wait).await
        }
    };
    if app.json() {
        output::json(&results)?;
    }
    failed.map_or(Ok(ExitCode::SUCCESS), Err)
}

fn wanted(workspace: &Workspace, partners: &[String]) -> Result<Wanted> {
    let sources = workspace.pipelines.values().flat_map(|pipeline| &pipeline.sources);
    let all: Wanted = sources.map(|source| (source.contract.partner.clone(), source.spec.from.clone())).collect();
    if let Some(unknown) = partners.iter().find(|name| !all.iter().any(|(partner, _)| partner == *name)) {
        let known: BTreeSet<&str> = all.iter().map(|(partner, _)| partner.as_str()).collect();
        let known = known.into_iter().collect::<Vec<_>>().join(", ");
        return Err(Error::usage(
            "usage.unknown_partner",
            format!("no pipeline reads extracts of a partner `{unknown}`"),
        )
        .with_hint(format!("the workspace reads those of {known}")));
    }
    Ok(all.into_iter().filter(|(partner, _)| partners.is_empty() || partners.contains(partner)).collect())
}

/// Says an error at once where another one may follow, and keeps the last for the exit code.
fn keep(app: &App, failed: &mut Option<Error>, error: Error) {
    if let Some(earlier) = failed.replace(error) {
        output::print_error(app, &earlier);
    }
}

async fn list(app: &App, extracts: &Extracts, wanted: &Wanted) -> (Vec<Value>, Option<Error>) {
    let (mut results, mut failed) = (Vec::new(), None);
    let mut rows =
        vec![["partner", "type", "extract", "bytes", "last written", "standing"].map(str::to_owned).to_vec()];
    for (partner, from) in wanted {
        let surveyed = async { Ok((extracts.kind(partner)?, extracts.survey(partner, from).await?)) }.await;
        let (kind, places) = match surveyed {
            Ok(surveyed) => surveyed,
            Err(error) => {
                rows.push(row(partner, "", from, "can't be looked at; see below"));
                keep(app, &mut failed, error);
                continue;
            }
        };
        let kind = kind.unwrap_or("extracts");
        if places.is_empty() {
            rows.push(row(partner, kind, from, "none"));
        }
        for place in &places {
            let words = words(&place.standing);
            let modified = place.modified.map_or_else(|| "-".to_owned(), |time| time.strftime("%F %T").to_string());
            let text = [partner, kind, &place.path, &output::number(place.size), &modified, &words];
            rows.push(text.map(str::to_owned).to_vec());
            results.push(result(partner, kind, place));
        }
    }
    if !app.json() {
        output::columns(&rows).iter().for_each(output::line);
        if rows.iter().any(|row| row.last().is_some_and(|standing| standing == "new")) {
            output::line("next: accord extracts fetch, or accord run, which fetches by itself");
        }
    }
    (results, failed)
}

fn row(partner: &str, kind: &str, from: &str, said: &str) -> Vec<String> {
    [partner, kind, from, "-", "-", said].map(str::to_owned).to_vec()
}

fn words(standing: &Standing) -> String {
    match standing {
        Standing::InPlace => "in place".to_owned(),
        Standing::New => "new".to_owned(),
        Standing::Landed(digest) => format!("landed {}", &digest[..12]),
        Standing::Gone(digest) => format!("landed {}, gone there", &digest[..12]),
        Standing::Unfinished => "being written".to_owned(),
    }
}

fn result(partner: &str, kind: &str, place: &Place) -> Value {
    let (standing, digest) = match &place.standing {
        Standing::InPlace => ("in_place", None),
        Standing::New => ("new", None),
        Standing::Landed(digest) => ("landed", Some(digest)),
        Standing::Gone(digest) => ("gone", Some(digest)),
        Standing::Unfinished => ("unfinished", None),
    };
    json!({
        "partner": partner, "type": kind, "path": place.path, "size": place.size,
        "modified": place.modified.map(|time| time.to_string()), "standing": standing, "digest": digest,
    })
}

async fn fetch(app: &App, extracts: &Extracts, wanted: &Wanted, wait: Option<Duration>) -> (Vec<Value>, Option<Error>) {
    let (mut results, mut failed, mut known) = (Vec::new(), None, 0_u64);
    let reading = Reading::new("fetch");
    for (partner, from) in wanted {
        let at = |path: &str, done: u64, total: u64| reading.at(&format!("{path} of {partner}"), done, total);
        let fetched = match extracts.fetch(partner, from, "accord extracts fetch", wait, &at).await {
            Ok(fetched) => fetched,
            Err(error) => {
                reading.aside(|| keep(app, &mut failed, error));
                continue;
            }
        };
        for one in &fetched {
            results.push(fetched_result(partner, one));
            match one.words(partner) {
                Some(words) if !app.json() => reading.aside(|| output::line(words)),
                Some(_) => {}
                None => known += 1,
            }
        }
    }
    drop(reading);
    if !app.json() && known > 0 {
        output::line(format!("{} had landed before and have not changed", output::number(known)));
    }
    if !app.json() && results.is_empty() && failed.is_none() {
        output::line("there is nothing to fetch; `accord extracts list` says what is looked for");
    }
    (results, failed)
}

fn fetched_result(partner: &str, fetched: &Fetched) -> Value {
    match fetched {
        Fetched::New { path, size, digest } => {
            json!({ "partner": partner, "path": path, "outcome": "new", "size": size, "digest": digest })
        }
        Fetched::Same { path, digest } => {
            json!({ "partner": partner, "path": path, "outcome": "same", "digest": digest })
        }
        Fetched::Known { path } => json!({ "partner": partner, "path": path, "outcome": "known" }),
        Fetched::Unfinished { path, why } => {
            json!({ "partner": partner, "path": path, "outcome": "unfinished", "why": why })
        }
    }
}
