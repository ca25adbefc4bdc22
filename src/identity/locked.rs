//! Memory for what lives as long as a run and must not be written to disk: a page of its own, locked into RAM where the
//! system lets us, wiped before it is given back.
//!
//! Holds for the value in its place. Does not hold for copies that computing makes on the stack or in registers for
//! microseconds, nor for a machine that hibernates. Core dumps are another matter: the command turns them off for itself
//! (`cli::main`).

use std::ops::Deref;

use region::LockGuard;

/// A value alone on its page. Does not print.
pub(super) struct Locked<T> {
    /// Before `page`: what is unlocked must still be there.
    guard: Option<LockGuard>,
    page: Box<Page<T>>,
}

/// Takes up whole pages, so that unlocking one value never unlocks another.
#[repr(align(4096))]
struct Page<T>(Option<T>);

impl<T> Locked<T> {
    /// Where the system's limit of locked memory is reached, the value is kept all the same ([`Self::is_locked`]).
    pub(super) fn new(value: T) -> Self {
        let mut page = Box::new(Page(None));
        // Locked while it is empty.
        let guard = region::lock(&raw const *page, size_of::<Page<T>>()).ok();
        page.0 = Some(value);
        Self { guard, page }
    }

    pub(super) fn is_locked(&self) -> bool {
        self.guard.is_some()
    }
}

impl<T> Deref for Locked<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.page.0.as_ref().expect("it is there until it is dropped")
    }
}

impl<T> Drop for Locked<T> {
    /// The value wipes itself while its page is still locked.
    fn drop(&mut self) {
        self.page.0 = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the kernel counts as locked for this process, in kB; none where there is no such file.
    fn locked_kb() -> Option<u64> {
        let status = std::fs::read_to_string("/proc/self/status").ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmLck:"))?;
        line.trim().strip_suffix(" kB")?.trim().parse().ok()
    }

    #[test]
    fn keys_are_not_swapped() {
        let kept: Vec<Locked<[u8; 32]>> = (0..64).map(|byte| Locked::new([byte; 32])).collect();
        for (byte, one) in kept.iter().enumerate() {
            assert_eq!(one[0] as usize, byte);
            assert!((&raw const **one).addr() % 4096 < 4096 - 32, "on a page of its own");
        }
        // Other tests lock and unlock beside this one, so that only the least is certain.
        if kept.iter().all(Locked::is_locked)
            && let Some(kb) = locked_kb()
        {
            assert!(kb >= 64 * 4, "{kb} kB are locked");
        }
    }

    #[test]
    fn a_key_is_wiped_while_its_page_is_locked() {
        use std::cell::Cell;
        use std::rc::Rc;
        struct Wiped(Rc<Cell<bool>>);
        impl Drop for Wiped {
            fn drop(&mut self) {
                self.0.set(true);
            }
        }
        let wiped = Rc::new(Cell::new(false));
        drop(Locked::new(Wiped(Rc::clone(&wiped))));
        assert!(wiped.get());
    }
}
