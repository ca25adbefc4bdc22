//! The system's allocator, with an end: what asks for more than a run may take is a crash, whatever the machine has.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

/// What may be held at a time, in bytes: the most that a delivery may take (docs/contracts.md).
const MOST: usize = 1 << 30;

static HELD: AtomicUsize = AtomicUsize::new(0);

struct Bounded;

#[global_allocator]
static BOUNDED: Bounded = Bounded;

fn taken(size: usize) -> bool {
    let room = HELD.fetch_add(size, Ordering::Relaxed).saturating_add(size) <= MOST;
    if !room {
        HELD.fetch_sub(size, Ordering::Relaxed);
    }
    room
}

// SAFETY: the system's allocator does all the work; a null pointer is an allocation that failed.
unsafe impl GlobalAlloc for Bounded {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if taken(layout.size()) { unsafe { System.alloc(layout) } } else { std::ptr::null_mut() }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if taken(layout.size()) { unsafe { System.alloc_zeroed(layout) } } else { std::ptr::null_mut() }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size(), Ordering::Relaxed);
        unsafe { System.dealloc(place, layout) }
    }

    unsafe fn realloc(&self, place: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if size > layout.size() && !taken(size - layout.size()) {
            return std::ptr::null_mut();
        }
        if size < layout.size() {
            HELD.fetch_sub(layout.size() - size, Ordering::Relaxed);
        }
        unsafe { System.realloc(place, layout, size) }
    }
}
