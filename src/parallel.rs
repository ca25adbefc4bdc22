//! Work spread over threads. Whoever gives it keeps what is pending in order, so that the outcome never depends on how
//! many threads there are or which of them was first.

use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use crate::error::{Error, Result};

/// Work, and where its outcome goes.
type Job<I, O> = (I, SyncSender<O>);

/// Threads that take pieces of work from one queue. They end when this is dropped and the queue is empty.
pub(crate) struct Workers<I, O, R> {
    queue: Sender<Job<I, O>>,
    threads: Vec<JoinHandle<R>>,
}

/// Where a thread takes its work from.
pub(crate) struct Queue<I, O>(Arc<Mutex<Receiver<Job<I, O>>>>);

/// The outcome of a piece of work, there or still to come.
pub(crate) struct Pending<O>(Receiver<O>);

impl<I: Send + 'static, O: Send + 'static, R: Send + 'static> Workers<I, O, R> {
    /// Starts a thread for each of `bodies`.
    ///
    /// # Errors
    /// The system has no more threads.
    pub(crate) fn start<B>(bodies: impl IntoIterator<Item = B>) -> Result<Self>
    where
        B: FnOnce(Queue<I, O>) -> R + Send + 'static,
    {
        let (sender, receiver) = channel();
        let receiver = Arc::new(Mutex::new(receiver));
        let start = |body: B| {
            let queue = Queue(Arc::clone(&receiver));
            std::thread::Builder::new()
                .name("accord-worker".to_owned())
                .spawn(move || body(queue))
                .map_err(|error| Error::failed("parallel.thread", "start a thread").with_source(error))
        };
        let threads = bodies.into_iter().map(start).collect::<Result<_>>()?;
        Ok(Self { queue: sender, threads })
    }

    /// Puts work at the end of the queue, however long that is: the caller holds back.
    pub(crate) fn give(&self, input: I) -> Pending<O> {
        let (sender, receiver) = sync_channel(1);
        // Where no thread is left, the sender is dropped and the receiver says so.
        let _ = self.queue.send((input, sender));
        Pending(receiver)
    }

    /// Waits for the threads to end and gives what each of them leaves, in the order of their start.
    ///
    /// # Errors
    /// An internal error where one of them broke down.
    pub(crate) fn finish(self) -> Result<Vec<R>> {
        drop(self.queue);
        self.threads.into_iter().map(|thread| thread.join().map_err(|_| stopped())).collect()
    }
}

impl<I, O> Queue<I, O> {
    /// Takes work until there is none left and there will be none.
    pub(crate) fn work(self, mut work: impl FnMut(I) -> O) {
        loop {
            let next = self.0.lock().unwrap_or_else(PoisonError::into_inner).recv();
            let Ok((input, outcome)) = next else { return };
            // Nobody waits any more after an error.
            let _ = outcome.send(work(input));
        }
    }
}

impl<O> Pending<O> {
    /// Waits for it.
    ///
    /// # Errors
    /// An internal error where the thread that had it broke down.
    pub(crate) fn wait(self) -> Result<O> {
        self.0.recv().map_err(|_| stopped())
    }
}

fn stopped() -> Error {
    Error::internal("parallel.stopped", "a thread stopped before its work was done")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outcomes_come_in_the_order_of_the_work() {
        for threads in [1, 2, 5] {
            let body = |queue: Queue<u64, u64>| {
                let mut done = 0_u64;
                queue.work(|input| {
                    done += 1;
                    (0..(input % 7) * 10_000).fold(input, |sum, step| std::hint::black_box(sum ^ step ^ step))
                });
                done
            };
            let workers = Workers::start(vec![body; threads]).expect("threads");
            let pending: Vec<_> = (0..100).map(|input| workers.give(input)).collect();
            let outcomes: Vec<u64> = pending.into_iter().map(|one| one.wait().expect("an outcome")).collect();
            assert_eq!(outcomes, (0..100).collect::<Vec<_>>());
            assert_eq!(workers.finish().expect("their ends").into_iter().sum::<u64>(), 100);
        }
    }

    #[test]
    fn a_thread_that_breaks_down_is_an_error() {
        let workers = Workers::<(), (), ()>::start([|queue: Queue<(), ()>| drop(queue)]).expect("a thread");
        assert_eq!(workers.give(()).wait().expect_err("nobody").code(), "parallel.stopped");
    }
}
