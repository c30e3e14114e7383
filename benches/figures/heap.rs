//! Counts the allocations of this process while a measurement is active.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicBool, AtomicIsize, Ordering};

struct Heap {
    is_counting: AtomicBool,
    now: AtomicIsize,
    peak: AtomicIsize,
}

#[global_allocator]
static HEAP: Heap = Heap {
    is_counting: AtomicBool::new(false),
    now: AtomicIsize::new(0),
    peak: AtomicIsize::new(0),
};

/// Returns how far the heap peaks above its initial size while `run` runs. Nothing else may run in
/// the meantime.
pub fn peak<T>(run: impl FnOnce() -> T) -> (usize, T) {
    HEAP.now.store(0, Ordering::SeqCst);
    HEAP.peak.store(0, Ordering::SeqCst);
    HEAP.is_counting.store(true, Ordering::SeqCst);
    let made = run();
    HEAP.is_counting.store(false, Ordering::SeqCst);
    (HEAP.peak.load(Ordering::SeqCst).max(0) as usize, made)
}

impl Heap {
    fn note(&self, bytes: isize) {
        if self.is_counting.load(Ordering::Relaxed) {
            let now = self.now.fetch_add(bytes, Ordering::SeqCst) + bytes;
            self.peak.fetch_max(now, Ordering::SeqCst);
        }
    }
}

// SAFETY: all calls are forwarded to the system allocator; only numbers are kept.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        self.note(layout.size() as isize);
        // SAFETY: guaranteed by the caller.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        self.note(-(layout.size() as isize));
        // SAFETY: guaranteed by the caller.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // If the block moves, both copies exist for a moment.
        self.note(size as isize);
        self.note(-(layout.size() as isize));
        // SAFETY: guaranteed by the caller.
        unsafe { System.realloc(pointer, layout, size) }
    }
}
