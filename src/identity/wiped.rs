//! A list that leaves nothing where it was. A vector that grows moves, and what it held stays behind in freed memory; so
//! does what it is cut by. Here both are overwritten first.

use std::ops::{Deref, DerefMut};

use zeroize::Zeroize;

/// Wiped when it is dropped, when it moves and where it is cut. Does not print.
pub(super) struct Wiped<T: Copy + Zeroize>(Vec<T>);

impl<T: Copy + Zeroize> Wiped<T> {
    pub(super) fn new() -> Self {
        Self(Vec::new())
    }

    pub(super) fn with_capacity(capacity: usize) -> Self {
        Self(Vec::with_capacity(capacity))
    }

    pub(super) fn push(&mut self, value: T) {
        self.make_room(1);
        self.0.push(value);
    }

    pub(super) fn extend_from_slice(&mut self, values: &[T]) {
        self.make_room(values.len());
        self.0.extend_from_slice(values);
    }

    /// Drops repeats of neighbours.
    pub(super) fn dedup(&mut self)
    where
        T: PartialEq,
    {
        let mut kept = 0;
        for at in 0..self.0.len() {
            if kept == 0 || self.0[at] != self.0[kept - 1] {
                self.0[kept] = self.0[at];
                kept += 1;
            }
        }
        self.0[kept..].iter_mut().zeroize();
        self.0.truncate(kept);
    }

    fn make_room(&mut self, more: usize) {
        let wanted = self.0.len() + more;
        if wanted > self.0.capacity() {
            let mut larger = Vec::with_capacity(wanted.max(2 * self.0.capacity()));
            larger.extend_from_slice(&self.0);
            self.0.iter_mut().zeroize();
            self.0 = larger;
        }
    }
}

impl<T: Copy + Zeroize> Default for Wiped<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: Copy + Zeroize> Deref for Wiped<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<T: Copy + Zeroize> DerefMut for Wiped<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        &mut self.0
    }
}

impl<T: Copy + Zeroize> Drop for Wiped<T> {
    fn drop(&mut self) {
        self.0.iter_mut().zeroize();
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    thread_local!(static WIPED: Cell<usize> = const { Cell::new(0) });

    #[derive(Clone, Copy, PartialEq)]
    struct Counted(u8);

    impl Zeroize for Counted {
        fn zeroize(&mut self) {
            WIPED.set(WIPED.get() + 1);
            self.0 = 0;
        }
    }

    /// All places in which a value has been are overwritten: where it grew, was cut and ended.
    #[test]
    fn a_list_is_wiped_wherever_it_was() {
        let mut list = Wiped::with_capacity(2);
        [1, 1].into_iter().for_each(|value| list.push(Counted(value)));
        assert_eq!(WIPED.get(), 0);
        list.extend_from_slice(&[Counted(1), Counted(2)]);
        assert_eq!(WIPED.take(), 2, "it moved");
        list.dedup();
        assert_eq!((WIPED.take(), list.iter().map(|one| one.0).collect::<Vec<_>>()), (2, vec![1, 2]), "it was cut");
        drop(list);
        assert_eq!(WIPED.take(), 2, "it ended");
    }
}
