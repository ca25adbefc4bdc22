//! Groups of tables, worked on side by side: they do not know of each other.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use super::layout::Loaded;
use super::report::Progress;
use super::views::Group;
use crate::disclosure;

/// Groups with more cells than this are worked on one after the other: each may take gigabytes.
const LARGE: usize = 50_000;
/// How often it is asked whether the time is up.
const PULSE: Duration = Duration::from_millis(100);

/// What is done to a group: with whether the time is up, and who hears how far it is.
type Work<'w, T> = dyn Fn(&Group, &dyn Fn() -> bool, &mut dyn FnMut(disclosure::Progress)) -> T + Sync + 'w;

/// Does the work for each group, on some threads; what comes of it is in the groups' order and does not depend on them.
pub(super) fn in_groups<T: Send>(
    groups: &[Group],
    tables: &[Loaded],
    threads: usize,
    stop: &dyn Fn() -> bool,
    progress: &mut dyn FnMut(Progress),
    work: &Work<'_, T>,
) -> Vec<T> {
    let parts = groups.len();
    let cells = |group: &Group| group.views.iter().map(|view| view.cells(&tables[view.table]).len()).sum::<usize>();
    if threads < 2 || parts < 2 || groups.iter().any(|group| cells(group) > LARGE) {
        let one = |(part, group): (usize, &Group)| {
            work(group, stop, &mut |inner| progress(Progress { part, parts, inner: Some(inner) }))
        };
        return groups.iter().enumerate().map(one).collect();
    }
    let (next, over) = (AtomicUsize::new(0), AtomicBool::new(false));
    let (send, receive) = mpsc::channel();
    let mut done: Vec<(usize, T)> = Vec::with_capacity(parts);
    std::thread::scope(|scope| {
        for _ in 0..threads.min(parts) {
            let (send, next, over) = (send.clone(), &next, &over);
            scope.spawn(move || {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some(group) = groups.get(at) else { break };
                    let found = work(group, &|| over.load(Ordering::Relaxed), &mut |_| {});
                    if send.send((at, found)).is_err() {
                        break;
                    }
                }
            });
        }
        drop(send);
        loop {
            match receive.recv_timeout(PULSE) {
                Ok(one) => {
                    done.push(one);
                    progress(Progress { part: done.len(), parts, inner: None });
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            over.fetch_or(stop(), Ordering::Relaxed);
        }
    });
    done.sort_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, found)| found).collect()
}
