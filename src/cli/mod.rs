//! The command line: a file for each verb.

// What is printed by the standard macros panics where nobody reads any more.
#![deny(clippy::print_stderr, clippy::print_stdout)]

#[macro_use]
mod output;

mod bar;
mod check;
mod demo;
mod events;
mod explain;
mod export;
mod health;
mod import;
mod key;
mod limits;
mod overview;
mod routes;
mod serve;
mod settings;
mod show_app;
mod store;
mod tell;
mod token;
mod unless_stopped;
mod upstreams;
mod user;

use crate::auth::{Auth, AuthError, HashError, KeyError, ManageError, NetworkError, RegisterError};
use crate::config::{Config, Environment, Flags, Mistakes, Source};
use crate::moving::{ExportError, ReadError, ReportError, StageError};
use crate::server::StartError;
use crate::server::control::{Command, TellError};
use crate::server::log::{self, LogFormat, LogSettings};
use crate::store::StoreError;
use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

/// An authentication gateway: accounts, expiring tokens and a guarded backend.
///
/// Exit codes: 0 done, 1 refused or failed, 2 wrong usage; of what takes long, such as `store backup` and
/// `import`, 130, 143 and 129 where SIGINT, SIGTERM or SIGHUP stopped it.
#[derive(Parser)]
#[command(name = "authgate", version, arg_required_else_help = true, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Runs the gateway
    Serve(serve::Serve),
    /// Shows the gateway at work: it guards a small built-in app, with nothing to configure
    Demo(demo::Demo),
    /// Checks the settings and tells every mistake at once
    Check(check::Check),
    /// Shows all settings: what they are, and where each comes from. Passwords are left out
    Settings(settings::Settings),
    /// Shows the routes in the order of matching
    Routes(routes::Routes),
    /// Shows how a running gateway finds the servers behind it: which are up, and why others are not
    Upstreams(upstreams::Upstreams),
    /// Tells what a running gateway would do with a request, and why
    Explain(explain::Explain),
    /// Manages users, also while a gateway runs
    #[command(subcommand)]
    User(user::User),
    /// Manages tokens, also while a gateway runs
    #[command(subcommand)]
    Token(token::Token),
    /// Manages the keys with which programs call the console's API, also while a gateway runs
    #[command(subcommand)]
    Key(key::Key),
    /// Shows who is refused for having tried too much, lets them in again, and allows and denies
    /// networks
    #[command(subcommand)]
    Limits(limits::Limits),
    /// Shows what has happened to accounts: logins, failures, limits, what operators did; the newest
    /// last, as in a log
    Events(events::Events),
    /// Shows what is going on, in numbers, and what needs attention, as far as the store and
    /// the settings tell it
    Overview(overview::Show),
    /// Saves, restores, copies, verifies and measures the whole store
    #[command(subcommand)]
    Store(store::Store),
    /// Takes over the accounts of another program, and its live tokens: nobody is logged out and no
    /// password changes
    #[command(subcommand)]
    Import(import::Import),
    /// Gives all accounts and live tokens back, as Django reads them or as lines of JSON
    #[command(subcommand)]
    Export(export::Export),
    /// Tells a running gateway to read its settings again: all of them, or none and why
    Reload(tell::Tell),
    /// Starts the program anew, with its present binary and settings, and hands it the listeners of
    /// the running gateway, which finishes what it has begun: no request is lost
    Upgrade(tell::Tell),
    /// Asks a running gateway whether it is alive
    Health(health::Health),
    /// Runs the demo's app alone: it shows what reaches it
    #[command(hide = true)]
    Echo(show_app::Echo),
}

/// Where a verb finds its settings.
#[derive(Args)]
struct SettingsFile {
    /// The settings file, in TOML; without it the built-in defaults hold. The environment beats it:
    /// `AUTHGATE__STORE__URL` is `store.url`
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

impl SettingsFile {
    fn source(&self, flags: Flags) -> Source {
        Source { environment: Environment::of_process(), file: self.config.clone(), flags }
    }

    fn load(&self, flags: Flags) -> Result<Config, Mistakes> {
        Config::load(&self.source(flags))
    }

    /// The accounts in the store that the settings name.
    async fn accounts(&self) -> Result<Auth, Failure> {
        whole_accounts_of(self.load(Flags::default())?).await
    }
}

/// The accounts in the store of these settings. Refused where they are half there.
async fn whole_accounts_of(config: Config) -> Result<Auth, Failure> {
    let accounts = accounts_of(config)?;
    accounts.refuse_half().await?;
    // As a gateway with this store does.
    accounts.know_time().await.map_err(Failure::auth)?;
    Ok(accounts)
}

fn accounts_of(config: Config) -> Result<Auth, Failure> {
    log_to_terminal();
    Ok(Auth::open(crate::store::open(&config.store)?, Arc::default(), config.auth)?)
}

fn log_to_terminal() {
    log::start_at_once(LogSettings { format: LogFormat::Text, level: tracing::Level::WARN });
}

/// Why a verb did not do what it was told.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Export(#[from] ExportError),
    #[error(transparent)]
    Hash(#[from] HashError),
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error(transparent)]
    Manage(#[from] ManageError),
    #[error("{0}")]
    Mistakes(#[from] Mistakes),
    #[error(transparent)]
    Network(#[from] NetworkError),
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error("{0}")]
    Refused(String),
    #[error(transparent)]
    Register(#[from] RegisterError),
    #[error(transparent)]
    Report(#[from] ReportError),
    #[error(transparent)]
    Stage(#[from] StageError),
    #[error(transparent)]
    Start(#[from] StartError),
    #[error("stopped before it was done: {left}")]
    Stopped { code: u8, left: String },
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("{path}", path = path.display())]
    Tell { path: PathBuf, source: TellError },
    #[error("{doing}")]
    System { doing: &'static str, source: std::io::Error },
}

impl Failure {
    fn auth(error: AuthError) -> Self {
        Self::Manage(error.into())
    }

    fn code(&self) -> ExitCode {
        match self {
            Self::Stopped { code, .. } => ExitCode::from(*code),
            _ => ExitCode::FAILURE,
        }
    }

    fn system(doing: &'static str) -> impl FnOnce(std::io::Error) -> Self {
        move |source| Self::System { doing, source }
    }
}

/// Does what the arguments of the process say.
pub fn run() -> ExitCode {
    let done = match Arguments::parse().verb {
        Verb::Serve(verb) => verb.run(),
        Verb::Demo(verb) => verb.run(),
        Verb::Check(verb) => verb.run(),
        Verb::Routes(verb) => verb.run(),
        Verb::Settings(verb) => verb.run(),
        Verb::Upstreams(verb) => verb.run(),
        Verb::Explain(verb) => wait_for(verb.run()),
        Verb::User(verb) => wait_for(verb.run()),
        Verb::Token(verb) => wait_for(verb.run()),
        Verb::Key(verb) => wait_for(verb.run()),
        Verb::Limits(verb) => wait_for(verb.run()),
        Verb::Events(verb) => wait_for(verb.run()),
        Verb::Overview(verb) => wait_for(verb.run()),
        Verb::Store(verb) => wait_for(verb.run()),
        Verb::Import(verb) => wait_for(verb.run()),
        Verb::Export(verb) => wait_for(verb.run()),
        Verb::Reload(verb) => verb.run(Command::Reload),
        Verb::Upgrade(verb) => verb.run(Command::Upgrade),
        Verb::Health(verb) => verb.run(),
        Verb::Echo(verb) => verb.run(),
    };
    match done {
        Ok(()) if !output::is_whole() => {
            err!("error: cannot write to standard output; what is done is done");
            ExitCode::FAILURE
        }
        Ok(()) => ExitCode::SUCCESS,
        // Nothing before a place, so that editors find it.
        Err(Failure::Mistakes(mistakes)) => {
            err!("{mistakes}");
            ExitCode::FAILURE
        }
        Err(failure) => {
            // A server's words may be among them.
            let words = output::with_causes(&failure);
            let lines: Vec<_> = words.lines().map(output::plain).collect();
            err!("error: {}", lines.join("\n"));
            failure.code()
        }
    }
}

/// Runs a verb that asks the store.
fn wait_for(verb: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(Failure::system("cannot start"))?.block_on(verb)
}
