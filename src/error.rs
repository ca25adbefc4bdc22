//! What can go wrong, in one type: a kind (which decides the exit code), a stable code, a message that reads on from
//! "failed to …", a hint with the next step, and the cause below it.
//!
//! No message holds a value of a person, a key, or a count below the minimum cell: constructors take what to say, and
//! what is said names files, lines, columns and rules only.

use std::error::Error as StdError;
use std::fmt;

/// What sort of failure it is. The exit code follows the kind (`DESIGN.md` section 9).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The command line asks for something that does not exist or does not fit together.
    Usage,
    /// A file under `config/` or `pipelines/` is wrong.
    Config,
    /// An extract did not meet its contract.
    Data,
    /// The agreement forbids it.
    Governance,
    /// The disclosure audit did not pass.
    Disclosure,
    /// The approvals that the agreement asks for are not there.
    NotApproved,
    /// A storage is down or full, or a lock is held: trying again may help.
    TryAgain,
    /// Something else failed: a damaged file, a key that does not open.
    Failed,
    /// A bug in Accord.
    Internal,
}

impl Kind {
    /// The process exit code of this kind.
    #[must_use]
    pub fn exit_code(self) -> u8 {
        match self {
            Kind::Failed => 1,
            Kind::Usage => 2,
            Kind::Config => 3,
            Kind::Data => 4,
            Kind::Governance => 5,
            Kind::Disclosure => 6,
            Kind::NotApproved => 7,
            Kind::Internal => 70,
            Kind::TryAgain => 75,
        }
    }
}

/// Accord's error.
pub struct Error(Box<Inner>);

struct Inner {
    kind: Kind,
    code: &'static str,
    message: String,
    hint: Option<String>,
    source: Option<Box<dyn StdError + Send + Sync>>,
    /// A whole report (several findings with file, line and caret) shown instead of the message where there is one.
    report: Option<String>,
}

/// The result of everything in Accord that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

macro_rules! constructors {
    ($($(#[$doc:meta])* $name:ident => $kind:ident),* $(,)?) => {
        impl Error {
            $($(#[$doc])* #[must_use] pub fn $name(code: &'static str, message: impl Into<String>) -> Self {
                Self::new(Kind::$kind, code, message)
            })*
        }
    };
}

constructors! {
    /// A usage error: the command line.
    usage => Usage,
    /// A configuration error.
    config => Config,
    /// An extract that does not meet its contract.
    data => Data,
    /// Something the agreement forbids.
    governance => Governance,
    /// An audit that did not pass.
    disclosure => Disclosure,
    /// Approvals missing or void.
    not_approved => NotApproved,
    /// A storage that is down or full.
    storage => TryAgain,
    /// A lock that is held.
    busy => TryAgain,
    /// Any other failure of this run.
    failed => Failed,
    /// A bug.
    internal => Internal,
}

impl Error {
    /// An error of `kind` with a stable `code` such as `intake.missing_column`.
    #[must_use]
    pub fn new(kind: Kind, code: &'static str, message: impl Into<String>) -> Self {
        Self(Box::new(Inner { kind, code, message: message.into(), hint: None, source: None, report: None }))
    }

    /// Adds the next step to take.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    /// Adds the cause.
    #[must_use]
    pub fn with_source(mut self, source: impl StdError + Send + Sync + 'static) -> Self {
        self.0.source = Some(Box::new(source));
        self
    }

    /// Adds a ready-made report that stands for the message on a terminal.
    #[must_use]
    pub fn with_report(mut self, report: impl Into<String>) -> Self {
        self.0.report = Some(report.into());
        self
    }

    /// The kind.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.0.kind
    }

    /// The stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.0.code
    }

    /// The next step to take, where there is one.
    #[must_use]
    pub fn hint(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }

    /// The ready-made report, where there is one.
    #[must_use]
    pub fn report(&self) -> Option<&str> {
        self.0.report.as_deref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} [{}] {}", self.0.kind, self.0.code, self.0.message)?;
        if let Some(hint) = &self.0.hint {
            write!(f, " (hint: {hint})")?;
        }
        if let Some(source) = &self.0.source {
            write!(f, ": {source}")?;
        }
        Ok(())
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|source| source as &(dyn StdError + 'static))
    }
}

/// Says what was being done when a lower error came up, keeping its kind, code, hint and report.
pub trait Context<T> {
    /// Puts `doing` in front: "`doing`: message".
    ///
    /// # Errors
    /// The error it was called on, with more said.
    fn context(self, doing: impl FnOnce() -> String) -> Result<T>;
}

impl<T> Context<T> for Result<T> {
    fn context(self, doing: impl FnOnce() -> String) -> Result<T> {
        self.map_err(|mut error| {
            error.0.message = format!("{}: {}", doing(), error.0.message);
            error
        })
    }
}
