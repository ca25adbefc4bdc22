//! What a reader concludes from the sums, one total and its parts at a time: the true figures are additive, whatever is
//! printed for them.

use super::system::Release;

/// The reader's interval of each figure, by repeated use of one total and its parts at a time, from those given.
pub(super) fn narrow(release: &Release, intervals: &mut [(i64, i64)]) {
    for _ in 0..ROUNDS {
        let mut changed = false;
        for equation in release.equations() {
            let sum = equation.parts().fold((0_i64, 0_i64), |sum, part| {
                (sum.0.saturating_add(intervals[part].0), sum.1.saturating_add(intervals[part].1))
            });
            changed |= tighten(&mut intervals[equation.total], sum);
            let total = intervals[equation.total];
            for part in equation.parts() {
                let own = intervals[part];
                let rest = (sum.0.saturating_sub(own.0), sum.1.saturating_sub(own.1));
                changed |=
                    tighten(&mut intervals[part], (total.0.saturating_sub(rest.1), total.1.saturating_sub(rest.0)));
            }
        }
        if !changed {
            return;
        }
    }
}

/// Rounds after which the rest is left.
const ROUNDS: usize = 20;

fn tighten(interval: &mut (i64, i64), by: (i64, i64)) -> bool {
    let before = *interval;
    *interval = (before.0.max(by.0), before.1.min(by.1));
    *interval != before
}
