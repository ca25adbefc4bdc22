//! `accord verify`

use std::path::PathBuf;
use std::process::ExitCode;

use super::app::App;
use super::{output, protect};
use crate::error::{Error, Result};
use crate::release::{self, Check, FolderReport, Method, Proof};
use crate::tablefile::{self, Job};

/// Check a certificate: that what is hidden in published tables stays hidden, by additions alone
///
/// A certificate holds whole tables of whole numbers that fit everything published. Between them they move every hidden
/// figure over the range that the rules ask, so that nobody can tell which of them is true. Nothing is solved and nobody
/// has to be believed: it adds up, or it does not. Exits 0 where every hidden figure is proven, 6 where not.
///
///   accord verify published/college_going/v0001
///   accord verify protected.csv --spec spec.yaml --certificate protected.certificate
///
/// With --write-public the tables are written as lines of JSON besides, for a check that shares no code with Accord: a page
/// of Python (tests/python/certificate.py PUBLIC CERTIFICATE). Their SHA-256 is what the certificate names.
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub(super) struct Args {
    /// The folder of a published version, with its tables and its certificate; or tables, with --spec and --certificate
    #[arg(value_name = "PATH", required = true)]
    paths: Vec<PathBuf>,
    /// What the tables' columns are (YAML)
    #[arg(long, value_name = "FILE", requires = "certificate")]
    spec: Option<PathBuf>,
    /// The certificate of the tables
    #[arg(long, value_name = "FILE", requires = "spec")]
    certificate: Option<PathBuf>,
    /// Write what is public of the tables here, whether the certificate holds or not
    #[arg(long, value_name = "FILE", requires = "certificate")]
    write_public: Option<PathBuf>,
    /// Overwrite that file
    #[arg(long, requires = "write_public")]
    force: bool,
}

pub(super) fn run(app: &App, args: &Args) -> Result<ExitCode> {
    let proof = match (&args.spec, &args.certificate, args.paths.as_slice()) {
        (Some(spec), Some(certificate), tables) => {
            let text = std::fs::read_to_string(certificate).map_err(|error| {
                Error::usage("cli.certificate", format!("{} can't be read", certificate.display())).with_source(error)
            })?;
            let job = Job::read(spec, app.color())?;
            if let Some(place) = &args.write_public {
                protect::refuse_existing([place.as_path()], args.force)?;
                protect::write(place, tablefile::public_lines(&job, tables, &text)?.as_bytes())?;
                output::say(format!("wrote {}", place.display()));
            }
            tablefile::verify(&job, tables, &text)?
        }
        (_, _, [folder]) if folder.is_dir() => match release::verify_folder(folder)? {
            FolderReport::Certificate(proof) => proof,
            FolderReport::Changed { method, checks } => return changed(app, &method, &checks),
        },
        _ => {
            return Err(Error::usage("cli.verify", "tables need --spec and --certificate")
                .with_hint("or name the folder of a published version, such as published/PIPELINE/v0001"));
        }
    };
    say(app, &proof)?;
    Ok(if proof.report.passed { ExitCode::SUCCESS } else { ExitCode::from(crate::Kind::Disclosure.exit_code()) })
}

/// What can be checked where nothing is hidden: that figures are as the method makes them.
fn changed(app: &App, method: &Method, checks: &[Check]) -> Result<ExitCode> {
    let passed = checks.iter().all(|check| check.ok);
    if app.json() {
        let why = method.without_certificate();
        output::json(&serde_json::json!({
            "passed": passed, "method": method.name(), "guarantee": method.guarantee(), "without_certificate": why,
            "checks": checks,
        }))?;
    } else {
        output::line(format!("Method: {}.", method.name()));
        output::line(format!("What it promises: {}.", method.guarantee()));
        output::line(format!("There is {}.", method.without_certificate().unwrap_or("no certificate")));
        for check in checks.iter().filter(|check| !check.ok) {
            output::line(format!("  {}: {}", check.name, check.detail));
        }
        output::line(if passed { "The figures are as the method makes them." } else { "They are not." });
    }
    Ok(if passed { ExitCode::SUCCESS } else { ExitCode::from(crate::Kind::Disclosure.exit_code()) })
}

fn say(app: &App, proof: &Proof) -> Result<()> {
    let (report, rules) = (&proof.report, proof.rules.to_string());
    if app.json() {
        return output::json(&serde_json::json!({
            "passed": report.passed,
            "rules": rules,
            "larger_minimums": report.minimums,
            "hidden": report.hidden,
            "open": report.open,
            "settled": report.settled,
            "unproven": report.unproven,
            "perhaps_empty": report.perhaps_empty,
            "exposed": report.exposed,
            "tables": report.tables,
            "names": report.names.iter().map(ToString::to_string).collect::<Vec<_>>(),
        }));
    }
    let number = |count: usize| output::number(count);
    output::line(format!("Rules: {rules}."));
    if !report.minimums.is_empty() {
        let minimums: Vec<String> = report.minimums.iter().map(ToString::to_string).collect();
        output::line(format!("Where the spec asks for more, the minimum cell is {}.", minimums.join(" or ")));
    }
    output::line(format!(
        "{} whole tables fit everything published. Between them, of {} hidden figures {} are open, and {} are shown not to be small.",
        number(report.tables),
        number(report.hidden),
        number(report.open),
        number(report.settled)
    ));
    if report.perhaps_empty > 0 {
        output::line(format!(
            "Of the other {}, {} may as well be empty: they are not shown to reach the level, nor can anybody tell that \
             somebody is there.",
            number(report.unproven),
            number(report.perhaps_empty)
        ));
    }
    if report.exposed > 0 {
        output::line(format!(
            "{} figures are printed, or follow from printed ones, although the rules hide them.",
            number(report.exposed)
        ));
    }
    for name in report.names.iter().take(NAMED) {
        output::line(format!("  not proven: {name}"));
    }
    if report.unproven > NAMED {
        output::line(format!("  and {} more", number(report.unproven - NAMED)));
    }
    output::line(if report.passed { "The certificate holds." } else { "The certificate does not prove everything." });
    Ok(())
}

/// How many figures that are not proven are named.
const NAMED: usize = 10;
