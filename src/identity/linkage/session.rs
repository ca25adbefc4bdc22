//! The queries of a link: blocks counted, pairs compared and counted by pattern, likely pairs found. All run in
//! DataFusion, within the memory that the run has for its queries.
//!
//! Nothing is spilled: what a link holds are encodings, and they end in this process. A link that does not fit into the
//! memory is refused.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use arrow::array::{AsArray, RecordBatch, UInt32Array};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, UInt32Type, UInt64Type};
use datafusion::catalog::streaming::StreamingTable;
use datafusion::common::JoinType;
use datafusion::dataframe::DataFrame;
use datafusion::error::DataFusionError;
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryPool, MemoryReservation};
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::execution::session_state::SessionStateBuilder;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::functions_aggregate::count::count;
use datafusion::functions_aggregate::sum::sum;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::PartitionStream;
use datafusion::prelude::{SessionConfig, SessionContext, col, lit};
use futures::StreamExt;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::blocking::{BlockingReport, KeyedRows, Keys};
use super::compare::Pattern;
use super::vector::{Likely, Pairs, comparison_vector, likely_pair};
use crate::error::{Error, Result};

/// Rows of a batch, unless a test says otherwise.
const BATCH_ROWS: usize = 8192;

/// What a link does, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Rows become encodings.
    Encode,
    /// Both sides come under one numbering, and blocks are counted.
    Block,
    /// A model is learned.
    Train,
    /// The pairs of all blocks are compared and scored.
    Compare,
    /// Pairs are weighed together, and links drawn.
    Decide,
}

/// Is told when a phase begins.
pub type Watch = Arc<dyn Fn(Phase) + Send + Sync>;

/// What a link may use of the machine. The result depends on none of it.
#[derive(Clone)]
pub struct Resources {
    /// Partitions that are compared at the same time.
    pub threads: usize,
    /// Where memory is reserved for what the link holds, and for its queries.
    pub pool: Arc<dyn MemoryPool>,
    /// How many bytes the pool has, for messages.
    pub memory: u64,
    /// Rows of a batch.
    pub(super) batch_rows: usize,
    pub(super) watch: Option<Watch>,
}

impl Resources {
    /// `threads` partitions at a time, within `pool`, which has `memory` bytes.
    #[must_use]
    pub fn new(threads: usize, pool: Arc<dyn MemoryPool>, memory: u64) -> Self {
        Self { threads: threads.max(1), pool, memory, batch_rows: BATCH_ROWS, watch: None }
    }

    /// The same; `watch` is told what is being done.
    #[must_use]
    pub fn watched(self, watch: Watch) -> Self {
        Self { watch: Some(watch), ..self }
    }

    pub(crate) fn begin(&self, phase: Phase) {
        if let Some(watch) = &self.watch {
            watch(phase);
        }
    }
}

impl fmt::Debug for Resources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Resources({} threads, {} bytes)", self.threads, self.memory)
    }
}

/// Patterns that occur and how often; sorted.
pub(super) type Counts = Vec<(Pattern, u64)>;

/// What blocking gives, before anything is compared.
pub(super) struct Blocks {
    pub(super) report: Vec<BlockingReport>,
    /// Pairs within a side, those that several rules give counted several times.
    pub(super) within: [u64; 2],
    /// Keys of the left and the right, without those that more rows of their side have than a block may hold.
    pub(super) keys: [Arc<Keys>; 2],
}

impl Blocks {
    /// Pairs of the two sides, those that several rules give counted several times.
    pub(super) fn pairs(&self) -> u64 {
        self.report.iter().map(|rule| rule.pairs).sum()
    }
}

/// DataFusion, for one link.
pub(super) struct Session {
    context: SessionContext,
    held: MemoryReservation,
    partitions: usize,
    link: String,
    memory: u64,
}

impl Session {
    pub(super) fn new(link: &str, resources: &Resources) -> Result<Self> {
        let runtime = RuntimeEnvBuilder::new()
            .with_memory_pool(Arc::clone(&resources.pool))
            .with_disk_manager_builder(DiskManagerBuilder::default().with_mode(DiskManagerMode::Disabled))
            .build_arc()
            .map_err(|error| Error::internal("identity.engine", "the engine can't start").with_source(error))?;
        let mut config = SessionConfig::new()
            .with_target_partitions(resources.threads)
            .with_batch_size(resources.batch_rows)
            .with_information_schema(false);
        // Both sides of a join are as large as the link itself: always on all partitions, and nothing to prune by.
        config.options_mut().optimizer.hash_join_single_partition_threshold = 0;
        config.options_mut().optimizer.hash_join_single_partition_threshold_rows = 0;
        config.options_mut().optimizer.enable_dynamic_filter_pushdown = false;
        config.options_mut().optimizer.enable_join_dynamic_filter_pushdown = false;
        let state = SessionStateBuilder::new().with_config(config).with_runtime_env(runtime).build();
        Ok(Self {
            context: SessionContext::new_with_state(state),
            held: MemoryConsumer::new("linkage").register(&resources.pool),
            partitions: resources.threads,
            link: link.to_owned(),
            memory: resources.memory,
        })
    }

    /// Holds so many bytes for what is not DataFusion's, instead of those held before.
    ///
    /// # Errors
    /// `identity.memory`.
    pub(super) fn hold(&self, bytes: usize) -> Result<()> {
        self.held.try_resize(bytes).map_err(|error| self.failed(&error))
    }

    /// Ends the session; what is still held are so many bytes.
    ///
    /// # Errors
    /// `identity.memory`.
    pub(super) fn into_held(self, bytes: usize) -> Result<MemoryReservation> {
        self.hold(bytes)?;
        Ok(self.held)
    }

    /// Counts the blocks of each rule, and takes out those with more than `block_size` rows of a side.
    ///
    /// # Errors
    /// `identity.memory`.
    pub(super) async fn blocks(&self, keys: [Keys; 2], block_size: usize, names: &[String]) -> Result<Blocks> {
        let keys = keys.map(Arc::new);
        let most = block_size as u64;
        let (mut report, mut within) = (Vec::new(), [0; 2]);
        let mut large: [Vec<HashSet<u32>>; 2] = [Vec::new(), Vec::new()];
        for (rule, name) in names.iter().enumerate() {
            let mut of_rule = BlockingReport { rule: name.clone(), pairs: 0, blocks_left_out: 0, pairs_left_out: 0 };
            let mut large_of_rule: [HashSet<u32>; 2] = [HashSet::new(), HashSet::new()];
            let mut batches = self.stream(self.block_sizes(&keys, rule)).await?;
            while let Some(batch) = batches.next().await {
                let batch = batch.map_err(|error| self.failed(&error))?;
                let key = batch.column(0).as_primitive::<UInt32Type>().values();
                let [left, right] = [1, 2].map(|at| batch.column(at).as_primitive::<UInt64Type>().values());
                for ((&key, &left), &right) in key.iter().zip(left).zip(right) {
                    for (side, rows) in [left, right].into_iter().enumerate() {
                        if rows > most {
                            large_of_rule[side].insert(key);
                        } else {
                            within[side] += rows * rows.saturating_sub(1) / 2;
                        }
                    }
                    if left.max(right) <= most {
                        of_rule.pairs += left * right;
                    } else if left.min(right) > 0 {
                        of_rule.blocks_left_out += 1;
                        of_rule.pairs_left_out += left * right;
                    }
                }
            }
            report.push(of_rule);
            large.iter_mut().zip(large_of_rule).for_each(|(large, of_rule)| large.push(of_rule));
        }
        let [left, right] = large;
        let [left_keys, right_keys] = keys;
        let kept = |keys: Arc<Keys>, large: &[HashSet<u32>]| match large.iter().all(HashSet::is_empty) {
            true => keys,
            false => Arc::new(keys.without(large)),
        };
        Ok(Blocks { report, within, keys: [kept(left_keys, &left), kept(right_keys, &right)] })
    }

    /// `SELECT key, sum(left), sum(right) FROM (left UNION ALL right) GROUP BY key`
    fn block_sizes(&self, keys: &[Arc<Keys>; 2], rule: usize) -> Result<DataFrame, DataFusionError> {
        let side = |keys, counts: [u64; 2]| {
            let counted = vec![col("key"), lit(counts[0]).alias("left"), lit(counts[1]).alias("right")];
            self.keyed(keys, rule, 1, ["row", "key"])?.select(counted)
        };
        side(&keys[0], [1, 0])?
            .union(side(&keys[1], [0, 1])?)?
            .aggregate(vec![col("key")], vec![sum(col("left")), sum(col("right"))])
    }

    /// How often each pattern occurs among the pairs of a rule that no earlier rule gives. Of `one_in` blocks one is
    /// compared.
    ///
    /// # Errors
    /// `identity.memory`.
    pub(super) async fn count_patterns(&self, pairs: &Pairs, rule: usize, one_in: u64) -> Result<Counts> {
        let patterns = || {
            let vector = comparison_vector(pairs, rule).call(vec![col("left"), col("right")]);
            by_pattern(self.joined(pairs, rule, one_in)?.select(vec![vector.alias("pattern")])?)
        };
        self.counts(patterns()).await
    }

    /// What DataFusion says of the plan of [`Self::count_patterns`].
    #[cfg(test)]
    pub(super) fn plan(&self, pairs: &Pairs, rule: usize) -> Result<String, DataFusionError> {
        let vector = comparison_vector(pairs, rule).call(vec![col("left"), col("right")]);
        let frame = by_pattern(self.joined(pairs, rule, 1)?.select(vec![vector.alias("pattern")])?)?;
        let optimized = frame.clone().into_optimized_plan()?;
        Ok(format!("{:?} {:?} {}", frame.logical_plan(), optimized, optimized.display_indent_schema()))
    }

    /// How often each pattern occurs among pairs drawn at random, about `wanted` of them.
    ///
    /// # Errors
    /// `identity.memory`.
    pub(super) async fn count_random(&self, pairs: &Pairs, seed: u64, wanted: u64) -> Result<Counts> {
        let sides = pairs.comparer.sides();
        let people = (sides.left.len() as u64, sides.right.len() as u64);
        let patterns = || {
            let drawn =
                self.context.read_table(Arc::new(RandomPairs::table(people, seed, wanted, self.partitions)?))?;
            let vector = comparison_vector(pairs, 0).call(vec![col("left"), col("right")]);
            by_pattern(drawn.select(vec![vector.alias("pattern")])?)
        };
        self.counts(patterns()).await
    }

    /// Hands over the pairs of a rule that no earlier rule gives and that are likely, with their patterns; in any order.
    ///
    /// # Errors
    /// `identity.memory`, and what `each` says.
    pub(super) async fn each_likely(
        &self,
        pairs: &Pairs,
        rule: usize,
        likely: &Arc<Likely>,
        mut each: impl FnMut(u32, u32, Pattern) -> Result<()>,
    ) -> Result<()> {
        let found = || {
            let vector = comparison_vector(pairs, rule).call(vec![col("left"), col("right")]);
            let wanted = likely_pair(likely, &pairs.comparer);
            self.joined(pairs, rule, 1)?
                .select(vec![col("left"), col("right"), vector.alias("pattern")])?
                .filter(wanted.call(vec![col("left"), col("right"), col("pattern")]))
        };
        let mut batches = self.stream(found()).await?;
        while let Some(batch) = batches.next().await {
            let batch = batch.map_err(|error| self.failed(&error))?;
            let [left, right] = [0, 1].map(|at| batch.column(at).as_primitive::<UInt32Type>().values());
            let patterns = batch.column(2).as_primitive::<UInt64Type>().values();
            for ((&l, &r), &pattern) in left.iter().zip(right).zip(patterns) {
                each(l, r, pattern)?;
            }
        }
        Ok(())
    }

    /// `left JOIN right ON left_key = right_key`
    fn joined(&self, pairs: &Pairs, rule: usize, one_in: u64) -> Result<DataFrame, DataFusionError> {
        let [left, right] = pairs.ends();
        let left = self.keyed(left, rule, one_in, ["left", "left_key"])?;
        let right = self.keyed(right, rule, one_in, ["right", "right_key"])?;
        left.join(right, JoinType::Inner, &["left_key"], &["right_key"], None)
    }

    /// A side's rows under a rule.
    fn keyed(
        &self,
        keys: &Arc<Keys>,
        rule: usize,
        one_in: u64,
        names: [&str; 2],
    ) -> Result<DataFrame, DataFusionError> {
        self.context.read_table(Arc::new(KeyedRows::table(keys, rule, one_in, self.partitions, names)?))
    }

    async fn stream(&self, frame: Result<DataFrame, DataFusionError>) -> Result<SendableRecordBatchStream> {
        let frame = frame.map_err(|error| self.failed(&error))?;
        frame.execute_stream().await.map_err(|error| self.failed(&error))
    }

    async fn counts(&self, patterns: Result<DataFrame, DataFusionError>) -> Result<Counts> {
        let mut batches = self.stream(patterns).await?;
        let mut counts = Counts::new();
        while let Some(batch) = batches.next().await {
            let batch = batch.map_err(|error| self.failed(&error))?;
            let of_batch = batch.column(1).as_primitive::<arrow::datatypes::Int64Type>().values();
            let patterns = batch.column(0).as_primitive::<UInt64Type>();
            let there = patterns.iter().zip(of_batch).filter_map(|(pattern, count)| Some((pattern?, *count as u64)));
            counts.extend(there);
        }
        counts.sort_unstable();
        Ok(counts)
    }

    /// What a failed query may say: nothing of DataFusion's own text, which can quote a value.
    fn failed(&self, error: &DataFusionError) -> Error {
        if let DataFusionError::ResourcesExhausted(_) = error.find_root() {
            let limit = self.memory >> 20;
            let message = format!("link {} does not fit into {limit} MiB of memory, and is not spilled", self.link);
            return Error::failed("identity.memory", message).with_hint(
                "raise `engine.memory_limit` in config/accord.yaml, or block by rules that give fewer pairs",
            );
        }
        Error::internal("identity.engine", format!("the comparison of link {} stopped", self.link))
    }
}

/// `SELECT pattern, count(*) WHERE pattern IS NOT NULL GROUP BY pattern`
fn by_pattern(patterns: DataFrame) -> Result<DataFrame, DataFusionError> {
    patterns.filter(col("pattern").is_not_null())?.aggregate(vec![col("pattern")], vec![count(lit(1))])
}

/// Pairs that one stream of random numbers draws.
const CHUNK: u64 = 1 << 14;

/// Pairs of rows drawn at random: the same for a seed, however many parts there are.
#[derive(Debug)]
struct RandomPairs {
    schema: SchemaRef,
    /// Rows on the left and on the right.
    people: (u64, u64),
    seed: u64,
    chunks: Vec<u64>,
}

impl RandomPairs {
    fn table(people: (u64, u64), seed: u64, wanted: u64, parts: usize) -> Result<StreamingTable, DataFusionError> {
        let row = |name| Field::new(name, DataType::UInt32, false);
        let schema = Arc::new(Schema::new(vec![row("left"), row("right")]));
        let chunks = if people.0 * people.1 == 0 { 0 } else { wanted.div_ceil(CHUNK).max(1) };
        let part = |part: usize| -> Arc<dyn PartitionStream> {
            let chunks = (part as u64..chunks).step_by(parts).collect();
            Arc::new(Self { schema: Arc::clone(&schema), people, seed, chunks })
        };
        StreamingTable::try_new(Arc::clone(&schema), (0..parts).map(part).collect())
    }
}

impl PartitionStream for RandomPairs {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, _: Arc<TaskContext>) -> SendableRecordBatchStream {
        let (schema, (left, right), seed) = (Arc::clone(&self.schema), self.people, self.seed);
        let batch = move |chunk| {
            let mut random = ChaCha8Rng::seed_from_u64(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ chunk);
            let (mut lefts, mut rights) = (Vec::new(), Vec::new());
            for _ in 0..CHUNK {
                let draw = random.next_u64();
                lefts.push((((draw & 0xffff_ffff) * left) >> 32) as u32);
                rights.push((((draw >> 32) * right) >> 32) as u32);
            }
            let columns = [lefts, rights].map(|rows| Arc::new(UInt32Array::from(rows)) as _);
            RecordBatch::try_new(Arc::clone(&schema), columns.into()).map_err(Into::into)
        };
        let batches = futures::stream::iter(self.chunks.clone().into_iter().map(batch));
        Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&self.schema), batches))
    }
}

#[cfg(test)]
mod tests {
    use datafusion::execution::memory_pool::GreedyMemoryPool;

    use super::*;

    #[test]
    fn nothing_of_a_link_is_spilled() {
        let pool = Arc::new(GreedyMemoryPool::new(1 << 20));
        let session = Session::new("test", &Resources::new(2, pool, 1 << 20)).unwrap();
        let disk = Arc::clone(&session.context.runtime_env().disk_manager);
        assert!(!disk.tmp_files_enabled());
        let refused = disk.create_tmp_file("a test").err().unwrap();
        assert_eq!(session.failed(&refused).code(), "identity.memory");
    }
}
