//! Sorted 128-bit hashes on disk, for those that memory has no room for. Their files have no name, so that nothing is left
//! of a process that is killed. Nothing but keyed hashes may be put here.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::error::{Error, Result};

/// Where hashes go that memory has no room for, and how much room there is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spill {
    /// The folder. It must exist.
    pub directory: PathBuf,
    /// Bytes that may be held in memory.
    pub memory: usize,
}

impl Spill {
    /// One of `parts` equal parts of the room.
    #[must_use]
    pub fn share(&self, parts: usize) -> Self {
        Self { directory: self.directory.clone(), memory: self.memory / parts.max(1) }
    }
}

const WIDTH: usize = 16;
/// Hashes that are read at a time to find one.
const PAGE: usize = 256;
/// Hashes that are read at a time where all are.
const STRETCH: usize = 4096;
/// Into how many parts what hashes can be is divided for counting.
const PARTS: usize = 256;

/// Hashes on disk, sorted, each once.
#[derive(Debug)]
pub(crate) struct Run {
    file: File,
    hashes: usize,
    /// The upper half of the first hash of each page.
    firsts: Vec<u64>,
}

impl Run {
    /// Lays hashes down that come sorted.
    ///
    /// # Errors
    /// `spill.write` where the disk refuses.
    pub(crate) fn write(spill: &Spill, sorted: impl IntoIterator<Item = Result<u128>>) -> Result<Self> {
        let mut file =
            BufWriter::with_capacity(1 << 16, tempfile::tempfile_in(&spill.directory).map_err(write_failed)?);
        let (mut hashes, mut firsts) = (0, Vec::new());
        for hash in sorted {
            let hash = hash?;
            if hashes % PAGE == 0 {
                firsts.push((hash >> 64) as u64);
            }
            file.write_all(&hash.to_be_bytes()).map_err(write_failed)?;
            hashes += 1;
        }
        let file = file.into_inner().map_err(|error| write_failed(error.into_error()))?;
        Ok(Self { file, hashes, firsts })
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.hashes
    }

    /// The first hash that is `least` or more.
    ///
    /// # Errors
    /// `spill.read` where the disk refuses.
    pub(crate) fn at_least(&self, least: u128) -> Result<Option<u128>> {
        // The last page that begins below it, and where that one has none, the start of the next.
        let next = self.firsts.partition_point(|&first| first < (least >> 64) as u64);
        for page in [next.checked_sub(1), Some(next)].into_iter().flatten() {
            let mut bytes = [0; PAGE * WIDTH];
            let hashes = self.read(page * PAGE, &mut bytes)?;
            let found = hashes.partition_point(|hash| u128::from_be_bytes(*hash) < least);
            if let Some(hash) = hashes.get(found) {
                return Ok(Some(u128::from_be_bytes(*hash)));
            }
        }
        Ok(None)
    }

    /// All of them, in order.
    pub(crate) fn all(self: Arc<Self>) -> impl Iterator<Item = Result<u128>> {
        let mut bytes = vec![0; STRETCH * WIDTH];
        let stretches = (0..self.hashes).step_by(STRETCH);
        stretches.flat_map(move |from| match self.read(from, &mut bytes) {
            Ok(hashes) => hashes.iter().map(|hash| Ok(u128::from_be_bytes(*hash))).collect(),
            Err(error) => vec![Err(error)],
        })
    }

    /// The place of the first hash that is `least` or more.
    ///
    /// # Errors
    /// `spill.read` where the disk refuses.
    fn place(&self, least: u128) -> Result<usize> {
        let (mut from, mut to) = (0, self.hashes);
        while from < to {
            let middle = from.midpoint(to);
            let below = self.read(middle, &mut [0; WIDTH])?.iter().all(|hash| u128::from_be_bytes(*hash) < least);
            if below { from = middle + 1 } else { to = middle }
        }
        Ok(from)
    }

    /// The hashes from a place on, as many as there is room for.
    fn read<'b>(&self, from: usize, room: &'b mut [u8]) -> Result<&'b [[u8; WIDTH]]> {
        let taken = (self.hashes.saturating_sub(from) * WIDTH).min(room.len());
        let room = &mut room[..taken];
        self.file.read_exact_at(room, (from * WIDTH) as u64).map_err(|error| {
            Error::storage("spill.read", "what was laid down in the spill folder can't be read").with_source(error)
        })?;
        Ok(room.as_chunks().0)
    }
}

/// How many different hashes several runs hold, counted by `threads` of them, each part of what hashes can be for itself.
/// Hashes are taken to be spread evenly: what is in memory at a time is then a 256th of all for each thread.
///
/// # Errors
/// `spill.read` where the disk refuses.
pub(crate) fn count(runs: &[Arc<Run>], threads: usize) -> Result<u64> {
    let next = AtomicUsize::new(0);
    let work = || {
        let (mut count, mut part) = (0, Vec::new());
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            if at >= PARTS {
                return Ok(count);
            }
            part.clear();
            // The next part begins where this one ends, and after the last one is nothing.
            let bound = |run: &Run, at: usize| {
                if at == PARTS { Ok(run.len()) } else { run.place((at as u128) << (128 - PARTS.ilog2())) }
            };
            for run in runs {
                let (from, to) = (bound(run, at)?, bound(run, at + 1)?);
                let mut bytes = vec![0; (to - from) * WIDTH];
                part.extend(run.read(from, &mut bytes)?.iter().map(|hash| u128::from_be_bytes(*hash)));
            }
            // Sorted stretches: this sort merges them.
            part.sort();
            part.dedup();
            count += part.len() as u64;
        }
    };
    std::thread::scope(|scope| {
        let all: Vec<_> = (0..threads.max(1)).map(|_| scope.spawn(work)).collect();
        all.into_iter().map(|one| one.join().unwrap_or_else(|_| Err(stopped()))).sum()
    })
}

fn stopped() -> Error {
    Error::internal("spill.thread", "a thread that counted what was laid down stopped")
}

/// The hashes of several runs, sorted, each once.
pub(crate) struct Merged {
    runs: Vec<Box<dyn Iterator<Item = Result<u128>>>>,
    /// The next hash of each run that has one.
    heads: BinaryHeap<Reverse<(u128, usize)>>,
    /// Runs whose next hash is not known.
    wanted: Vec<usize>,
    last: Option<u128>,
}

impl Merged {
    pub(crate) fn of(runs: impl IntoIterator<Item = Arc<Run>>) -> Self {
        let runs: Vec<Box<dyn Iterator<Item = _>>> =
            runs.into_iter().map(|run| Box::new(run.all()) as Box<dyn Iterator<Item = _>>).collect();
        Self { wanted: (0..runs.len()).collect(), runs, heads: BinaryHeap::new(), last: None }
    }
}

impl Iterator for Merged {
    type Item = Result<u128>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            while let Some(at) = self.wanted.pop() {
                match self.runs[at].next() {
                    Some(Ok(hash)) => self.heads.push(Reverse((hash, at))),
                    Some(Err(error)) => return Some(Err(error)),
                    None => {}
                }
            }
            let Reverse((hash, at)) = self.heads.pop()?;
            self.wanted.push(at);
            if self.last.replace(hash) != Some(hash) {
                return Some(Ok(hash));
            }
        }
    }
}

fn write_failed(error: io::Error) -> Error {
    Error::storage("spill.write", "keys of rows can't be laid down in the spill folder")
        .with_source(error)
        .with_hint("free space, or point `engine.spill_directory` at a larger disk; then run again")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn runs_on_disk_hold_what_was_put_into_them(
            sets in prop::collection::vec(prop::collection::btree_set(0..3000_u128, 0..900), 1..5),
        ) {
            // Far apart, and some with the same upper half.
            let wide = |number: u128| (number / 3) << 118 | number;
            let folder = tempfile::tempdir().expect("a folder");
            let spill = Spill { directory: folder.path().to_owned(), memory: 0 };
            let run = |set: &BTreeSet<u128>| Arc::new(Run::write(&spill, set.iter().map(|&one| Ok(wide(one)))).expect("a run"));
            let runs: Vec<_> = sets.iter().map(run).collect();
            let all: BTreeSet<u128> = sets.iter().flatten().copied().collect();
            let merged: Result<Vec<_>> = Merged::of(runs.iter().map(Arc::clone)).collect();
            prop_assert_eq!(count(&runs, 2).expect("counted"), all.len() as u64);
            prop_assert_eq!(merged.expect("hashes"), all.into_iter().map(wide).collect::<Vec<_>>());
            for (set, run) in sets.iter().zip(&runs) {
                prop_assert_eq!(run.len(), set.len());
                for number in 0..3000 {
                    let next = set.range(number..).next().map(|&next| wide(next));
                    prop_assert_eq!(run.at_least(wide(number)).expect("read"), next);
                }
            }
            prop_assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 0, "no file has a name");
        }
    }
}
