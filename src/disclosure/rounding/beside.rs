//! What earlier roundings of the same figures say besides.

use super::Rounding;
use crate::disclosure::bounds::narrow;
use crate::disclosure::error::DisclosureError;
use crate::disclosure::history;
use crate::disclosure::policy::Policy;
use crate::disclosure::protection::is_open;
use crate::disclosure::public::PublicTable;
use crate::disclosure::system::Release;
use crate::disclosure::table::Table;

/// Refuses rounded tables that narrow a small figure together with earlier ones. Where all that may be the same is printed
/// the same, both releases can be a rounding of one truth in as many ways as the one at hand, and nothing is computed.
pub(super) fn check(
    tables: &[Table],
    release: &Release,
    rounded: &[Table],
    rounding: &Rounding,
    policy: &Policy,
    earlier: &[PublicTable],
) -> Result<(), DisclosureError> {
    let reach = rounding.base().saturating_mul(i64::try_from(rounding.within).unwrap_or(1)) - 1;
    let before = history::printed_elsewhere(tables, release, earlier);
    let mut otherwise = false;
    let mut intervals = Vec::with_capacity(release.len());
    for (variable, before) in release.variables().zip(&before) {
        if !variable.is_printed() {
            intervals.push((0, i64::MAX / 4));
            continue;
        }
        let place = variable.place();
        let now = rounded[place.table].values[place.measure][place.cell];
        let mut interval = ((now - reach).max(0), now + reach);
        // An earlier figure that is further away counted others.
        for &printed in before.iter().filter(|&&printed| (printed - variable.value).abs() <= reach) {
            otherwise |= printed != now;
            interval = (interval.0.max(printed - reach), interval.1.min(printed + reach));
        }
        intervals.push(interval);
    }
    if !otherwise {
        return Ok(());
    }
    narrow(release, &mut intervals);
    let narrowed = release
        .variables()
        .zip(intervals)
        .filter(|(variable, interval)| policy.is_small(variable.value) && !is_open(policy, variable.value, *interval));
    let cells: Vec<_> = narrowed.map(|(variable, _)| variable.place().name(tables)).collect();
    if cells.is_empty() { Ok(()) } else { Err(DisclosureError::Beside { cells }) }
}
