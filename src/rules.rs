//! From what a pipeline says of protection to the rules of disclosure control.

use crate::disclosure::{self, Aim, CellKey, Level, NoiseTable, Policy, Protection, Rounding};
use crate::error::{Error, Result};
use crate::workspace::{self, Homogeneous, Method, ResolvedPipeline};

/// The policy of a pipeline. The agreement's floor is already in `minimum_cell`, and the check of the workspace has seen
/// to the level.
pub(crate) fn policy(pipeline: &ResolvedPipeline) -> Policy {
    let spec = &pipeline.spec.disclosure;
    Policy {
        minimum_cell: pipeline.minimum_cell,
        level: match spec.level {
            workspace::Level::Full => Level::Full,
            workspace::Level::Exact => Level::Exact,
            workspace::Level::Interval(width) => Level::Interval(width),
            workspace::Level::Percent(percent) => Level::Percent(percent),
        },
        zeros: match spec.zeros {
            workspace::Zeros::Hide => disclosure::Zeros::Hide,
            workspace::Zeros::Print => disclosure::Zeros::Print,
        },
        homogeneous: spec.homogeneous == Homogeneous::Hide,
        contributor: spec.contributor,
        insider: [spec.insider, pipeline.agreement.outputs.protection.insider].contains(&workspace::Insider::Refuse),
        ..Policy::default()
    }
}

/// How the tables of a pipeline are protected. `seed` is the secret by which figures are rounded.
pub(crate) fn protection(pipeline: &ResolvedPipeline, seed: u64) -> Protection {
    let policy = policy(pipeline);
    match pipeline.spec.disclosure.method {
        Method::Suppression => Protection::Suppression(policy),
        Method::Rounding(spec) => {
            let (aim, within) = (Aim::Random { seed }, spec.within.unwrap_or(1));
            Protection::Rounding(policy, Rounding { base: spec.base, aim, within })
        }
        Method::CellKey(spec) => {
            // Hundredths of a variance that is at most that of the largest noise.
            let variance_percent = (spec.variance * 100.0).round().clamp(0.0, 1e6) as u32;
            let rule = CellKey { maximum: spec.maximum, variance_percent, threshold: spec.threshold };
            Protection::CellKey(policy, rule)
        }
    }
}

/// Checks that the method leaves open what the level asks for.
///
/// # Errors
/// A config error that says what to change.
pub(crate) fn check(pipeline: &ResolvedPipeline) -> Result<()> {
    let checked = match protection(pipeline, 0) {
        Protection::Suppression(_) => Ok(()),
        Protection::Rounding(policy, rounding) => rounding.check(&policy),
        Protection::CellKey(policy, rule) => NoiseTable::new(&rule).and_then(|_| rule.check(&policy)),
    };
    checked.map_err(|error| {
        let hint = "change `method` under `disclosure` in pipeline.yaml, or ask for a lower `level` where the agreement \
                    allows one under `outputs.protection`";
        Error::config("pipeline.method", error.to_string()).with_hint(hint)
    })
}
