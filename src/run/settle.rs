//! Sources that come as changes or as dated rows: which rows are left is found out before identity, so that rows which
//! were replaced or deleted make no pseudonym, no link and no staged row.
//!
//! The deliveries are read twice. The first time a keyed hash of each row's key goes to the engine, which sorts the hashes
//! under its memory limit, with spill; the second time the rows that are left go on.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use arrow::array::{Array, ArrayRef, AsArray, FixedSizeBinaryArray, Int32Array, RecordBatch, UInt64Array};
use arrow::compute::{filter, filter_record_batch};
use arrow::datatypes::{DataType, Date32Type, Field, Int32Type, Schema, SchemaRef, UInt64Type};
use futures::StreamExt;
use tokio::task::JoinHandle;

use super::STAGING;
use super::replay::{Action, Counts, Replay, Rule, Settled};
use super::sources::Reading;
use crate::error::{Error, Result};
use crate::identity::{PseudonymizedRows, RowKeys};
use crate::intake::{Delivery, References, TypedRows};
use crate::model::{execution_error, register_staged, session};
use crate::report::Event;
use crate::staging::{ParquetFile, Staged};
use crate::workspace::{ActionField, Contract, DeliveryMode, UnknownKeys};

/// Finds out which rows of a source are left.
pub(super) async fn settle(reading: &Reading<'_>, references: &mut References) -> Result<Settled> {
    let (contract, source) = (&reading.source.contract, &reading.source.name);
    let terms = &contract.delivery;
    let mut row_keys = RowKeys::new(contract, &reading.source.clause, reading.keys)?;
    let does = What::of(contract)?;
    let mut wanted: Vec<&str> = terms.key.iter().map(String::as_str).collect();
    wanted.extend(does.field().filter(|field| !terms.key.iter().any(|key| key == field)));
    let path = format!("{STAGING}/{}/settling/{source}.parquet", reading.pipeline.spec.name);
    let file = ParquetFile::create(reading.job.state, &path, schema(), reading.keys.id()).await?;
    let (sender, receiver) = sync_channel::<RecordBatch>(WAITING);
    let writing = spawn_writer(file, receiver);
    let (mut at, mut without_key) = (0, 0);
    let scanned = {
        let mut sink = |rows: TypedRows| -> Result<()> {
            let batch = events(&row_keys.apply(&rows)?, at, does.read(&rows)?)?;
            at += rows.rows() as u64;
            without_key += (rows.rows() - batch.num_rows()) as u64;
            hand_on(&sender, batch)
        };
        reading.scan(&wanted, references, &mut sink).await
    };
    drop(sender);
    let written = writing.await.map_err(|_| Error::internal("run.writer", "the staging writer stopped"))?;
    let rows = written?;
    scanned?;
    let staged = Staged { table: "sources.settling".to_owned(), path, rows };
    let settled = replay(reading, &staged, Replay::new(does.rule(), at, without_key)).await?;
    reading.job.state.remove_all(&format!("{STAGING}/{}/settling", reading.pipeline.spec.name)).await?;
    unknown_keys(reading, &settled.counts)?;
    Ok(settled)
}

/// Batches that may wait for the staged file.
const WAITING: usize = 4;

fn spawn_writer(mut file: ParquetFile, receiver: Receiver<RecordBatch>) -> JoinHandle<Result<u64>> {
    let runtime = tokio::runtime::Handle::current();
    tokio::task::spawn_blocking(move || {
        for batch in receiver {
            runtime.block_on(file.write(&batch))?;
        }
        runtime.block_on(file.close())
    })
}

fn hand_on(sender: &SyncSender<RecordBatch>, batch: RecordBatch) -> Result<()> {
    sender.send(batch).map_err(|_| Error::storage("staging.write", "staged rows can't be written"))
}

/// Sorts the rows by key and replays them.
async fn replay(reading: &Reading<'_>, staged: &Staged, mut replay: Replay) -> Result<Settled> {
    let context = session(&reading.job.engine)?;
    register_staged(&context, reading.job.state, staged, reading.keys.id()).await?;
    let order = match reading.source.contract.delivery.mode {
        DeliveryMode::EffectiveDated => "row_key, what, at",
        _ => "row_key, at",
    };
    let sql = format!("SELECT row_key, at, what FROM sources.settling ORDER BY {order}");
    let sorted = context.sql(&sql).await.map_err(execution_error)?;
    let mut stream = sorted.execute_stream().await.map_err(execution_error)?;
    while let Some(batch) = stream.next().await {
        let batch = batch.map_err(execution_error)?;
        let seam = || Error::internal("run.settle", "the sorted rows have other columns");
        let keys = batch.column(0).as_fixed_size_binary_opt().ok_or_else(seam)?;
        let at = batch.column(1).as_primitive_opt::<UInt64Type>().ok_or_else(seam)?;
        let what = batch.column(2).as_primitive_opt::<Int32Type>().ok_or_else(seam)?;
        for row in 0..batch.num_rows() {
            let key = keys.value(row).try_into().map_err(|_| seam())?;
            replay.push((key, at.value(row), what.value(row)));
        }
    }
    Ok(replay.finish())
}

/// Says, or refuses, changes and deletions of rows that are not there.
fn unknown_keys(reading: &Reading<'_>, counts: &Counts) -> Result<()> {
    let what = match (counts.unknown_changes > 0, counts.unknown_deletions > 0) {
        (false, false) => return Ok(()),
        (true, false) => "changes rows that are",
        (false, true) => "deletes rows that are",
        (true, true) => "changes and deletes rows that are",
    };
    let (source, contract) = (&reading.source.name, &reading.source.contract);
    let said = format!("source `{source}` of {} {what} not there", contract.partner);
    if contract.delivery.unknown_keys == UnknownKeys::Refuse {
        return Err(Error::data("intake.unknown_key", said).with_hint(format!(
            "a delivery is missing or out of order: ask {} for what came before, or begin with a delivery of all rows; \
             `unknown_keys: count` in contract {} counts such rows instead",
            contract.partner, contract.id
        )));
    }
    let message = format!("{said}; a change adds its row, a deletion deletes nothing, and the books say how many");
    reading.job.reporter.event(&Event::Note { pipeline: reading.pipeline.spec.name.clone(), message });
    Ok(())
}

/// What decides about a row besides its key.
enum What<'c> {
    /// Its action.
    Action(&'c ActionField),
    /// It is added, or takes the place of the one with its key.
    Upsert,
    /// The day from which it is in effect.
    Day(&'c str),
}

impl<'c> What<'c> {
    fn of(contract: &'c Contract) -> Result<Self> {
        let terms = &contract.delivery;
        match (terms.mode, &terms.action, &terms.effective) {
            (DeliveryMode::EffectiveDated, _, Some(field)) => Ok(Self::Day(field)),
            (DeliveryMode::Transactions, Some(action), _) => Ok(Self::Action(action)),
            (DeliveryMode::Transactions, None, _) => Ok(Self::Upsert),
            _ => Err(Error::internal("run.settle", format!("the deliveries of {} are not settled", contract.id))),
        }
    }

    fn rule(&self) -> Rule {
        if matches!(self, Self::Day(_)) { Rule::EffectiveDated } else { Rule::Transactions }
    }

    fn field(&self) -> Option<&'c str> {
        match self {
            Self::Action(action) => Some(&action.field),
            Self::Day(field) => Some(field),
            Self::Upsert => None,
        }
    }

    /// The action, or the day, of each row.
    fn read(&self, rows: &TypedRows) -> Result<Int32Array> {
        let seam = || Error::internal("run.settle", "a row does not say what becomes of it");
        let Some(field) = self.field() else {
            return Ok(std::iter::repeat_n(Action::Add as i32, rows.rows()).collect::<Vec<_>>().into());
        };
        let column = rows.batch().column_by_name(field).ok_or_else(seam)?;
        let values: Option<Vec<i32>> = match self {
            Self::Action(action) => {
                let words = column.as_string_opt::<i32>().ok_or_else(seam)?;
                words.iter().map(|word| Some(action_of(action, word?)? as i32)).collect()
            }
            Self::Day(_) | Self::Upsert => column.as_primitive_opt::<Date32Type>().ok_or_else(seam)?.iter().collect(),
        };
        values.map(Into::into).ok_or_else(seam)
    }
}

fn action_of(field: &ActionField, word: &str) -> Option<Action> {
    let words = [(&field.add, Action::Add), (&field.change, Action::Change), (&field.delete, Action::Delete)];
    words.into_iter().find(|(words, _)| words.iter().any(|one| one == word)).map(|(_, action)| action)
}

fn schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("row_key", DataType::FixedSizeBinary(16), true),
        Field::new("at", DataType::UInt64, false),
        Field::new("what", DataType::Int32, false),
    ]))
}

/// The rows that have a key.
fn events(keys: &FixedSizeBinaryArray, from: u64, what: Int32Array) -> Result<RecordBatch> {
    let at: UInt64Array = (from..).take(keys.len()).collect::<Vec<_>>().into();
    let has_key = arrow::compute::is_not_null(keys).map_err(arrow_failed)?;
    let columns: Vec<ArrayRef> = vec![Arc::new(keys.clone()), Arc::new(at), Arc::new(what)];
    let batch = RecordBatch::try_new(schema(), columns).map_err(arrow_failed)?;
    filter_record_batch(&batch, &has_key).map_err(arrow_failed)
}

/// What deliveries add to the rows of a source: which are left of them, and a column that the contract does not have.
pub(super) struct Added {
    settled: Option<Settled>,
    /// The day of each delivery, where each is a snapshot.
    snapshots: Vec<Option<i32>>,
    schema: SchemaRef,
    at: u64,
}

impl Added {
    pub(super) fn new(
        contract: &Contract,
        deliveries: &[Delivery],
        schema: &SchemaRef,
        settled: Option<Settled>,
    ) -> Self {
        let mut fields: Vec<Arc<Field>> = schema.fields().iter().map(Arc::clone).collect();
        fields.extend(contract.delivery.added_column().map(|name| Arc::new(Field::new(name, DataType::Date32, true))));
        let schema = Arc::new(Schema::new_with_metadata(fields, schema.metadata().clone()));
        let epoch = jiff::civil::Date::constant(1970, 1, 1);
        let days = |delivery: &Delivery| delivery.snapshot.map(|day| (day - epoch).get_days());
        Self { settled, snapshots: deliveries.iter().map(days).collect(), schema, at: 0 }
    }

    /// The schema of the rows with what is added.
    pub(super) fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    /// The rows that are left, with their added column.
    pub(super) fn left(&mut self, rows: TypedRows) -> Result<(TypedRows, Option<ArrayRef>)> {
        let count = rows.rows();
        let from = self.at;
        self.at += count as u64;
        let Some(settled) = &self.settled else {
            let day = self.snapshots.get(rows.delivery()).copied().flatten();
            let days = day.map(|day| Arc::new(arrow::array::Date32Array::from(vec![day; count])) as ArrayRef);
            return Ok((rows, days));
        };
        if self.at > settled.rows {
            return Err(Error::internal("run.settle", "the second reading gives other rows than the first"));
        }
        let kept = settled.kept(from, count);
        let until = settled.until(from, count).map(|days| filter(&days, &kept).map_err(arrow_failed)).transpose()?;
        let batch = filter_record_batch(rows.batch(), &kept).map_err(arrow_failed)?;
        Ok((TypedRows::new(batch), until))
    }

    /// Where the rows are that are not left.
    ///
    /// # Errors
    /// An internal error where not all rows of the first reading came again.
    pub(super) fn counts(&self) -> Result<Counts> {
        match &self.settled {
            Some(settled) if settled.rows != self.at => {
                Err(Error::internal("run.settle", "the second reading gives other rows than the first"))
            }
            Some(settled) => Ok(settled.counts),
            None => Ok(Counts::default()),
        }
    }
}

/// Puts an added column beside rows, of which identity may have left some out.
pub(super) fn beside(schema: &SchemaRef, rows: PseudonymizedRows, column: Option<ArrayRef>) -> Result<RecordBatch> {
    let Some(column) = column else { return Ok(rows.into_batch()) };
    let column = match rows.kept() {
        Some(kept) => filter(&column, kept).map_err(arrow_failed)?,
        None => column,
    };
    let batch = rows.into_batch();
    let columns = batch.columns().iter().map(Arc::clone).chain([column]).collect();
    RecordBatch::try_new(Arc::clone(schema), columns).map_err(arrow_failed)
}

/// Arrow's messages may quote values, so that none is passed on.
fn arrow_failed(_: arrow::error::ArrowError) -> Error {
    Error::internal("run.settle", "columns do not fit together")
}
