//! Other people's readers may panic over a damaged file. Here that is a damaged file, and nothing of it is printed.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};

thread_local! {
    static GUARDED: Cell<bool> = const { Cell::new(false) };
}

/// Runs `work`; none where it panics.
pub(super) fn guarded<T>(work: impl FnOnce() -> T) -> Option<T> {
    GUARDED.set(true);
    let done = catch_unwind(AssertUnwindSafe(work));
    GUARDED.set(false);
    done.ok()
}

/// Whether a panic of this thread is one that is taken for a damaged file. What it says may quote a value and must not be
/// printed.
#[must_use]
pub fn panic_is_of_a_file() -> bool {
    GUARDED.get()
}
