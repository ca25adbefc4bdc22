//! The population in blocks of people, made on several threads and written in order.

use std::io::{self, Write};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use crate::error::Error;

use super::county::County;
use super::dates::Date;
use super::dice::Dice;
use super::dirt::{Dirt, Tally};
use super::extracts::{LACCD_HEADER, Rows, Scribe, TRUTH_HEADER};
use super::ids::Ids;
use super::names::Pools;
use super::person::{Relation, World};
use super::{MOST_PEOPLE, Options, Summary};

/// People per block. Part of what a seed means: another number makes another population.
const BLOCK: u64 = 4096;
/// Finished blocks that a thread may be ahead of the writer.
const AHEAD: usize = 2;
/// Streams of randomness that are not a block's.
const COUNTY_STREAM: u64 = u64::MAX;
const IDS_STREAM: u64 = u64::MAX - 1;
/// How long before the day of reference the delivery before the newest stopped, in days.
const OLDER_TERMS: i32 = -60;

type Open<'a> = &'a dyn Fn(&str) -> io::Result<Box<dyn Write + Send>>;

/// The files with rows, by number: graduates, the same again, college district, university, older, truth.
const FILES: usize = 6;

/// Where each file goes, relative to the output, dated by when each partner delivers.
fn paths(as_of: Date) -> [String; FILES] {
    let dated = |stem: &str, days: i32, ending: &str| {
        let date = as_of.plus(days);
        format!("{stem}_{:04}{:02}{:02}.{ending}", date.year(), date.month(), date.day())
    };
    [
        dated("lausd/graduates", -4, "txt"),
        dated("lausd/graduates", -3, "txt"),
        dated("laccd/enrollment", 0, "csv"),
        dated("csu/ers", -1, "txt"),
        dated("csu/ers", -20, "txt"),
        "truth/links.csv".to_owned(),
    ]
}

/// Makes the population of `options` and writes every partner's extracts of it through `out`, which opens a file by
/// its path relative to the output. `progress` hears how many people are done.
///
/// The same people, seed and day give the same bytes, whatever the number of threads. Memory is bounded by the threads,
/// not by the people.
///
/// # Errors
/// More people than [`MOST_PEOPLE`] (usage), or a file that can't be opened or written (storage).
pub fn generate(
    options: &Options,
    out: &dyn Fn(&str) -> io::Result<Box<dyn Write + Send>>,
    progress: &mut dyn FnMut(u64),
) -> Result<Summary, Error> {
    if options.people > MOST_PEOPLE {
        return Err(Error::usage("synth.too_many_people", format!("make a county of {} people", options.people))
            .with_hint(format!("ask for {MOST_PEOPLE} people at most: identifiers have no room for more")));
    }
    let mut files = Files::open(options.as_of, out)?;
    let maker = Maker::new(options);
    let mut tally = Tally::new();
    run_in_order(
        options.people.div_ceil(BLOCK),
        options.threads.get(),
        &|block| maker.block(block),
        &mut |block, made| {
            tally.add(&made.tally);
            files.write(&made)?;
            progress(((block + 1) * BLOCK).min(options.people));
            Ok(())
        },
    )?;
    let summary = files.finish(options, &tally)?;
    write_truth(&summary, options, out)?;
    Ok(summary)
}

/// Runs `work` for the blocks on `threads` threads and hands the results to `take` in order. Thread number t does the
/// blocks t, t + threads, …, so that the order needs no buffer beyond [`AHEAD`] blocks a thread.
fn run_in_order<T: Send>(
    blocks: u64,
    threads: usize,
    work: &(dyn Fn(u64) -> T + Sync),
    take: &mut dyn FnMut(u64, T) -> Result<(), Error>,
) -> Result<(), Error> {
    let produce = |first: u64, results: SyncSender<T>| {
        for block in (first..blocks).step_by(threads) {
            // The writer stopped at an error: nobody wants the rest.
            if results.send(work(block)).is_err() {
                return;
            }
        }
    };
    thread::scope(|scope| {
        let queues: Vec<Receiver<T>> = (0..threads as u64)
            .map(|first| {
                let (results, queue) = sync_channel(AHEAD);
                scope.spawn(move || produce(first, results));
                queue
            })
            .collect();
        for block in 0..blocks {
            let made = queues[(block % threads as u64) as usize].recv();
            take(block, made.expect("a thread ends early only by a panic, which the scope passes on"))?;
        }
        Ok(())
    })
}

/// All that a thread needs to make any block.
struct Maker {
    world: World,
    ids: Ids,
    people: u64,
    seed: u64,
}

/// One block's part of each file.
struct Block {
    tally: Tally,
    graduates: u64,
    /// Bytes and rows for: graduates, college district, university, older, truth.
    parts: [(Vec<u8>, u64); 5],
}

impl Maker {
    fn new(options: &Options) -> Self {
        let mut dice = Dice::new(options.seed, COUNTY_STREAM);
        // Four in five people are graduates, of three cohorts.
        let county = County::new(options.people / 15 * 4, &mut dice);
        let ids = Ids::new(options.people, &mut Dice::new(options.seed, IDS_STREAM));
        let world = World { pools: Pools::new(), county, as_of: options.as_of };
        Self { world, ids, people: options.people, seed: options.seed }
    }

    fn block(&self, number: u64) -> Block {
        let mut dice = Dice::new(self.seed, number);
        let mut tally = Tally::new();
        let [mut graduates, mut laccd, mut csu, mut older, mut truth] = std::array::from_fn(|_| Rows::new());
        let mut before = None;
        for index in number * BLOCK..((number + 1) * BLOCK).min(self.people) {
            let (person, relation) = self.world.person(index, before.as_ref(), &mut dice);
            match relation {
                Relation::None => {}
                Relation::Twin => tally.count(Dirt::Twins),
                Relation::Namesake => tally.count(Dirt::Namesake),
            }
            let mut scribe = Scribe { ids: &self.ids, county: &self.world.county, dice: &mut dice, tally: &mut tally };
            scribe.laccd(&person, &mut laccd);
            scribe.csu(&person, self.world.as_of.plus(OLDER_TERMS), &mut csu, &mut older);
            if let Some(graduation) = person.graduation {
                scribe.graduate(&person, &graduation, &mut graduates);
                scribe.truth(&person, &mut truth);
                before = Some(person);
            }
        }
        let parts = [&graduates, &laccd, &csu, &older, &truth].map(|rows| rows.shuffled(&mut dice));
        Block { tally, graduates: parts[4].1, parts }
    }
}

/// The open files, and the rows in each so far.
struct Files {
    paths: [String; FILES],
    writers: Vec<Box<dyn Write + Send>>,
    rows: [u64; FILES],
    graduates: u64,
}

/// Which of a block's parts each file takes: both deliveries of the graduates take the first.
const PART_OF_FILE: [usize; FILES] = [0, 0, 1, 2, 3, 4];

impl Files {
    fn open(as_of: Date, out: Open<'_>) -> Result<Self, Error> {
        let paths = paths(as_of);
        let writers =
            paths.iter().map(|path| out(path).map_err(|cause| unwritten(path, cause))).collect::<Result<_, _>>()?;
        let mut files = Self { paths, writers, rows: [0; FILES], graduates: 0 };
        files.put(2, LACCD_HEADER.as_bytes())?;
        files.put(5, TRUTH_HEADER.as_bytes())?;
        Ok(files)
    }

    fn put(&mut self, file: usize, bytes: &[u8]) -> Result<(), Error> {
        self.writers[file].write_all(bytes).map_err(|cause| unwritten(&self.paths[file], cause))
    }

    fn write(&mut self, block: &Block) -> Result<(), Error> {
        for (file, part) in PART_OF_FILE.into_iter().enumerate() {
            let (bytes, rows) = &block.parts[part];
            self.put(file, bytes)?;
            self.rows[file] += rows;
        }
        self.graduates += block.graduates;
        Ok(())
    }

    fn finish(mut self, options: &Options, tally: &Tally) -> Result<Summary, Error> {
        for (writer, path) in self.writers.iter_mut().zip(&self.paths) {
            writer.flush().map_err(|cause| unwritten(path, cause))?;
        }
        Ok(Summary {
            people: options.people,
            graduates: self.graduates,
            files: self.paths.into_iter().zip(self.rows).collect(),
            dirt: Dirt::ALL.iter().map(|kind| (kind.name(), tally.of(*kind))).collect(),
        })
    }
}

/// `truth/dirt.json`: the summary, for tests to compare with.
fn write_truth(summary: &Summary, options: &Options, out: Open<'_>) -> Result<(), Error> {
    const PATH: &str = "truth/dirt.json";
    let json = summary.to_json(options.seed);
    let write = || {
        let mut file = out(PATH)?;
        file.write_all(json.as_bytes())?;
        file.flush()
    };
    write().map_err(|cause| unwritten(PATH, cause))
}

fn unwritten(path: &str, cause: io::Error) -> Error {
    Error::storage("synth.write", format!("write the extract {path}"))
        .with_source(cause)
        .with_hint("check that the output folder exists, may be written and has room")
}
