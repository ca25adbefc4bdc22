//! From what a spec says of rules to the policy of disclosure control.

use std::time::Duration;

use super::load::Purpose;
use super::spec::{
    AttackerSpec, LevelSpec, MagnitudeRuleSpec, MethodSpec, PolicySpec, PreferenceSpec, Spec, WeightSpec,
};
use crate::disclosure::primary_rules::MagnitudeRule;
use crate::disclosure::{Level, Policy, Preference, Weight, Zeros};
use crate::workspace::{self, Homogeneous};

/// People who protect a table by hand wait longer for fewer hidden cells than the nightly run does.
const EFFORT: usize = 10;
/// Likewise.
const NEIGHBOURHOODS: usize = 600;
/// How many times its weight a cell counts that the author prefers to keep.
const PREFERRED: u32 = 10;

/// The policy; `zeros` is what holds where the spec leaves it open.
pub(super) fn policy(spec: &PolicySpec, zeros: Zeros) -> Policy {
    Policy {
        minimum_cell: spec.minimum_cell,
        level: match spec.level {
            LevelSpec::Full => Level::Full,
            LevelSpec::Exact => Level::Exact,
            LevelSpec::Interval(width) => Level::Interval(width),
            LevelSpec::Percent(percent) => Level::Percent(percent),
        },
        zeros: match spec.zeros {
            None => zeros,
            Some(workspace::Zeros::Hide) => Zeros::Hide,
            Some(workspace::Zeros::Print) => Zeros::Print,
        },
        homogeneous: spec.homogeneous == Homogeneous::Hide,
        weight: match spec.weight {
            WeightSpec::Value => Weight::Value,
            WeightSpec::Cells => Weight::Cells,
            WeightSpec::Logarithm => Weight::Logarithm,
        },
        magnitudes: spec.magnitudes.iter().map(rule).collect(),
        behind_counts: spec.behind_counts.iter().map(rule).collect(),
        sums: spec.sums,
        prefer_keeping: spec.prefer_keeping.iter().map(preference).collect(),
        contributor: spec.attackers.contains(&AttackerSpec::Contributor),
        insider: spec.attackers.contains(&AttackerSpec::Insider),
        effort: EFFORT,
        neighbourhoods: NEIGHBOURHOODS,
        ..Policy::default()
    }
}

pub(super) fn rule(spec: &MagnitudeRuleSpec) -> MagnitudeRule {
    match *spec {
        MagnitudeRuleSpec::People(minimum) => MagnitudeRule::Contributors { minimum, range: 0 },
        MagnitudeRuleSpec::Organisations(minimum) => MagnitudeRule::Organisations { minimum, range: 0 },
        MagnitudeRuleSpec::Dominance { n, k } => MagnitudeRule::Dominance { n, k },
        MagnitudeRuleSpec::Percent(p) => MagnitudeRule::Percent { p },
        MagnitudeRuleSpec::PriorPosterior { p, q } => MagnitudeRule::PriorPosterior { p, q },
    }
}

/// What a spec asks for that nothing follows yet, and what it asks not to do. A reader of the report must not take it for
/// done.
pub(super) fn not_followed(spec: &Spec, purpose: Purpose) -> Vec<String> {
    let contributor = purpose == Purpose::Audit && spec.policy.attackers.contains(&AttackerSpec::Contributor);
    let mut measures = spec.tables.values().flat_map(|table| table.measures.values()).flatten();
    let amounts = purpose == Purpose::Audit && measures.any(|measure| measure.magnitude.is_some());
    let suppressed = matches!(spec.policy.method, MethodSpec::Suppression);
    let notes = [
        (
            !spec.policy.sums && suppressed,
            "`sums: false`: that totals show hidden figures to add up to a small group was neither prevented nor looked at",
        ),
        (
            contributor,
            "who is counted in a hidden cell is not known from the files: what the attacker `contributor` finds was not looked at",
        ),
        (amounts, "of amounts only what subtraction gives was looked at, not how close anybody can come"),
    ];
    notes.into_iter().filter(|(asked, _)| *asked).map(|(_, note)| note.to_owned()).collect()
}

fn preference(spec: &PreferenceSpec) -> Preference {
    Preference {
        dimension: spec.dimension.clone(),
        nodes: spec.categories.clone(),
        factor: spec.factor.unwrap_or(PREFERRED),
    }
}

/// A duration such as `90s`, `10m` or `2h`.
pub(super) fn duration(text: &str) -> Option<Duration> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        _ => return None,
    };
    digits.parse::<u64>().ok()?.checked_mul(seconds).map(Duration::from_secs)
}
