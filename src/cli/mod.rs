//! The command line: one file per command. The only folder that prints, exits, and reads the environment and the clock.

#![expect(clippy::disallowed_methods, reason = "environment and clock come in here")]

mod app;
mod audit;
mod check;
mod contract;
mod extracts;
mod keys;
mod ledger;
mod link;
mod output;
mod plan;
mod progress;
mod protect;
mod quarantine;
mod release;
mod review;
mod run;
mod schema;
mod synth;
mod vault;
mod verify;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand, ValueEnum};

use app::App;

/// Runs data-sharing agreements: partner extracts in, an approved and audited release out.
///
/// The way through: `accord check` reads the workspace, `accord plan` says what a pipeline would do, `accord run` makes
/// a candidate, the partners' stewards look at it with `accord release show` and say yes with `accord release approve`,
/// and `accord release publish` puts it where analysts read it.
///
/// Exit codes: 0 done, 1 failed, 2 usage, 3 config, 4 data did not meet its contract, 5 the agreement forbids it,
/// 6 disclosure audit failed, 7 not approved, 70 internal, 75 try again (a lock held, a storage down).
#[derive(Parser)]
#[command(name = "accord", version, propagate_version = true, arg_required_else_help = true, max_term_width = 100)]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Args, Clone)]
struct Global {
    /// The workspace: the folder that holds config/ and pipelines/ (default: the nearest one at or above this folder)
    #[arg(long, global = true, value_name = "DIR", env = "ACCORD_WORKSPACE")]
    workspace: Option<PathBuf>,
    /// How to print results
    #[arg(long, visible_alias = "format", global = true, value_enum, default_value_t = Format::Human)]
    output: Format,
    /// When to colour what is printed
    #[arg(long, global = true, value_enum, default_value_t = Color::Auto)]
    color: Color,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
    Human,
    /// For programs
    Json,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Color {
    /// On a terminal, unless NO_COLOR is set
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

#[derive(Subcommand)]
enum Command {
    // The text of each is that of its `Args`: one here would take the place of it.
    Check(check::Args),
    /// Draft a contract from a sample, and try one on an extract
    Contract(contract::Args),
    Schema(schema::Args),
    Plan(plan::Args),
    Extracts(extracts::Args),
    Run(run::Args),
    Release(release::Args),
    Ledger(ledger::Args),
    Quarantine(quarantine::Args),
    Review(review::Args),
    Keys(keys::Args),
    Vault(vault::Args),
    Link(link::Args),
    Protect(protect::Args),
    Audit(audit::Args),
    Verify(verify::Args),
    Synth(synth::Args),
}

/// Parses the command line, runs it, and says how it went.
#[must_use]
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // clap prints help and version to standard output and mistakes to standard error; both may be closed.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    without_core_dumps();
    let app = App::new(cli.global);
    // What a reader of damaged files says when it gives up may quote a value; that file is refused all the same.
    let said = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if !crate::intake::panic_is_of_a_file() {
            said(panic);
        }
    }));
    let result = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(dispatch(&app, cli.command)),
        Err(error) => Err(crate::Error::internal("cli.runtime", "the runtime can't start").with_source(error)),
    };
    match result {
        Ok(code) => code,
        Err(error) => {
            output::print_error(&app, &error);
            ExitCode::from(error.kind().exit_code())
        }
    }
}

/// Keys and names are in this process's memory: a core dump of it holds none of its pages. Linux asks per process and
/// also where a program takes the dump; elsewhere the system's own limit has to do it (`ulimit -c 0`).
fn without_core_dumps() {
    let _ = std::fs::write("/proc/self/coredump_filter", "0");
}

async fn dispatch(app: &App, command: Command) -> crate::Result<ExitCode> {
    match command {
        Command::Check(args) => check::run(app, &args).await,
        Command::Contract(args) => contract::run(app, args).await,
        Command::Schema(args) => schema::run(app, &args),
        Command::Plan(args) => plan::run(app, &args).await,
        Command::Extracts(args) => extracts::run(app, args).await,
        Command::Run(args) => run::run(app, &args).await,
        Command::Release(args) => release::run(app, args).await,
        Command::Ledger(args) => ledger::run(app, args).await,
        Command::Quarantine(args) => quarantine::run(app, args).await,
        Command::Keys(args) => keys::run(app, args).await,
        Command::Vault(args) => vault::run(app, args).await,
        Command::Link(args) => link::run(app, &args).await,
        Command::Review(args) => review::run(app, &args).await,
        Command::Protect(args) => protect::run(app, &args),
        Command::Audit(args) => audit::run(app, &args),
        Command::Verify(args) => verify::run(app, &args),
        Command::Synth(args) => synth::run(app, &args),
    }
}
