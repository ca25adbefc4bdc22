//! Two threads that look at cells.

/// Looks at cells in two threads; gives what was found in the cells' order, whichever thread was faster.
pub(in crate::disclosure) fn both<W: Send, F: Send>(
    workers: &mut [W; 2],
    cells: &[u32],
    look: &(dyn Fn(&mut W, u32) -> Option<F> + Sync),
) -> Vec<(u32, F)> {
    let half = |worker: &mut W, side: usize| -> Vec<(u32, F)> {
        let own = cells.iter().skip(side).step_by(2);
        own.filter_map(|&cell| Some((cell, look(worker, cell)?))).collect()
    };
    let [first, second] = workers;
    let (mut found, more) = std::thread::scope(|scope| {
        let other = scope.spawn(|| half(second, 1));
        let own = half(first, 0);
        (own, other.join())
    });
    match more {
        Ok(more) => found.extend(more),
        Err(panic) => std::panic::resume_unwind(panic),
    }
    found.sort_by_key(|&(cell, _)| cell);
    found
}
