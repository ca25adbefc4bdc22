//! A pipeline's SQL: one SELECT a model, planned over the contracts' columns and checked against the agreement without
//! reading a row.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema};
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::datasource::empty::EmptyTable;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::{Expr, LogicalPlan, Volatility};
use datafusion::prelude::SessionContext;
use datafusion::sql::parser::{DFParser, Statement};
use datafusion::sql::sqlparser::ast::{SetExpr, Statement as SqlStatement};

use super::lineage::{BaseField, Lineage, Walk};
use crate::error::{Context, Error, Result};
use crate::intake;
use crate::workspace::{Model, ResolvedPipeline, ResolvedSource};

/// A column of a model.
#[derive(Clone, Debug)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Its Arrow type.
    pub data_type: DataType,
    /// The base columns that it is made of.
    pub lineage: Lineage,
}

/// A model whose plan reads nothing that the agreement forbids.
#[derive(Clone, Debug)]
pub struct CheckedModel {
    /// Its name.
    pub name: String,
    /// Its columns.
    pub columns: Vec<Column>,
    /// Every base column that it reads.
    pub reads: Lineage,
}

/// Plans all models of a pipeline over empty tables with all columns of the contracts, and walks each plan.
///
/// # Errors
/// A governance error naming the field and the agreement for a read that is not allowed; a config error for SQL that
/// does not parse, plan or repeat.
pub async fn plan_models(context: &SessionContext, pipeline: &ResolvedPipeline) -> Result<Vec<CheckedModel>> {
    for source in &pipeline.sources {
        register_empty(context, &format!("sources.{}", source.name), contract_schema(source))?;
    }
    for name in pipeline.spec.identity.links.keys() {
        register_empty(context, &format!("links.{name}"), link_schema())?;
    }
    let mut checked: Vec<CheckedModel> = Vec::new();
    let mut lineages = BTreeMap::new();
    for model in &pipeline.models {
        let one = plan_model(context, pipeline, model, &lineages).await.context(|| model.path.display().to_string())?;
        lineages.insert(one.name.clone(), one.columns.iter().map(|column| column.lineage.clone()).collect());
        let fields: Vec<Field> =
            one.columns.iter().map(|column| Field::new(&column.name, column.data_type.clone(), true)).collect();
        register_empty(context, &format!("models.{}", one.name), Schema::new(fields))?;
        checked.push(one);
    }
    Ok(checked)
}

async fn plan_model(
    context: &SessionContext,
    pipeline: &ResolvedPipeline,
    model: &Model,
    models: &BTreeMap<String, Vec<Lineage>>,
) -> Result<CheckedModel> {
    let plan = plan(context, &model.sql).await?;
    let mut walk = Walk { models, reads: Lineage::new() };
    let lineages = walk.plan(&plan)?;
    refuse_unrepeatable(&plan)?;
    let reads = walk.reads;
    refuse_forbidden(&reads, pipeline)?;
    let columns = plan
        .schema()
        .fields()
        .iter()
        .zip(lineages)
        .map(|(field, lineage)| Column { name: field.name().clone(), data_type: field.data_type().clone(), lineage })
        .collect();
    Ok(CheckedModel { name: model.name.clone(), columns, reads })
}

/// The logical plan of one SELECT over `sources.*`, `links.*` and `models.*`.
///
/// # Errors
/// Governance for anything but a SELECT and for other tables, config for SQL that does not parse or plan.
pub(super) async fn plan(context: &SessionContext, sql: &str) -> Result<LogicalPlan> {
    let mut statements = DFParser::parse_sql(sql).map_err(|error| sql_error(&error, sql))?;
    let (Some(statement), None) = (statements.pop_front(), statements.pop_front()) else {
        return Err(not_a_select("it must hold exactly one statement"));
    };
    match &statement {
        Statement::Statement(inner) => match inner.as_ref() {
            SqlStatement::Query(query) if !selects_into(&query.body) => {}
            _ => return Err(not_a_select("it is not a SELECT")),
        },
        _ => return Err(not_a_select("it is not a SELECT")),
    }
    let state = context.state();
    for reference in state.resolve_table_references(&statement).map_err(|error| sql_error(&error, sql))? {
        known_table(context, &reference)?;
    }
    state.statement_to_plan(statement).await.map_err(|error| sql_error(&error, sql))
}

fn selects_into(body: &SetExpr) -> bool {
    match body {
        SetExpr::Select(select) => select.into.is_some(),
        SetExpr::Query(query) => selects_into(&query.body),
        SetExpr::SetOperation { left, right, .. } => selects_into(left) || selects_into(right),
        SetExpr::Values(_) | SetExpr::Table(_) => false,
        _ => true,
    }
}

fn not_a_select(why: &str) -> Error {
    Error::governance("agreement.select_only", format!("a model may only read: {why}"))
        .with_hint("write one SELECT; views, DDL, DML, COPY and SET have no place in a model")
}

fn known_table(context: &SessionContext, reference: &datafusion::common::TableReference) -> Result<()> {
    let schema = reference.schema().unwrap_or_default();
    if !super::engine::SCHEMAS.contains(&schema) {
        return Err(Error::governance(
            "agreement.other_table",
            format!("the model reads `{reference}`, which is not one of sources.*, links.* and models.*"),
        )
        .with_hint(
            "a model may read sources.*, links.* and earlier models.* only; no file, function or system table",
        ));
    }
    let known = context.catalog("accord").and_then(|catalog| catalog.schema(schema)).map(|one| one.table_names());
    let known = known.unwrap_or_default();
    if known.iter().any(|name| name == reference.table()) {
        return Ok(());
    }
    let nearest = known.iter().max_by(|a, b| {
        strsim::jaro_winkler(a, reference.table()).total_cmp(&strsim::jaro_winkler(b, reference.table()))
    });
    let error = Error::config("model.no_table", format!("there is no `{schema}.{}`", reference.table()));
    Err(match nearest {
        Some(name) => error.with_hint(format!("did you mean `{schema}.{name}`?")),
        None => error.with_hint(format!("the pipeline declares no {schema}")),
    })
}

/// An error of parsing or planning (no row has been read: its text may be shown), with line and caret where known.
fn sql_error(error: &DataFusionError, sql: &str) -> Error {
    let mut message = error.strip_backtrace();
    if let Some(span) = error.diagnostic().and_then(|diagnostic| diagnostic.span) {
        let line = usize::try_from(span.start.line).unwrap_or(1);
        let column = usize::try_from(span.start.column).unwrap_or(1);
        if let Some(text) = sql.lines().nth(line.saturating_sub(1)) {
            message = format!("line {line}: {message}\n  | {text}\n  | {}^", " ".repeat(column.saturating_sub(1)));
        }
    }
    Error::config("model.sql", message)
}

/// Functions that give another result each time would make a killed run end in other bytes.
fn refuse_unrepeatable(plan: &LogicalPlan) -> Result<()> {
    let mut offender = None;
    plan.apply_with_subqueries(|node| {
        node.apply_expressions(|expression| {
            expression.apply(|part| {
                if let Expr::ScalarFunction(call) = part
                    && call.func.signature().volatility != Volatility::Immutable
                {
                    offender = Some(call.func.name().to_owned());
                }
                Ok(TreeNodeRecursion::Continue)
            })
        })
    })
    .map_err(|_| Error::internal("model.walk", "the plan can't be walked"))?;
    match offender {
        None => Ok(()),
        Some(name) => {
            Err(Error::config("model.not_repeatable", format!("function `{name}` gives another result each time"))
                .with_hint("a run must end in the same bytes when it is run again: take dates from the extracts"))
        }
    }
}

fn refuse_forbidden(reads: &Lineage, pipeline: &ResolvedPipeline) -> Result<()> {
    let forbidden: Vec<String> = reads.iter().filter_map(|field| why_forbidden(field, pipeline)).collect();
    if forbidden.is_empty() {
        return Ok(());
    }
    Err(Error::governance(
        "agreement.field",
        format!("agreement `{}` does not allow this SQL to read: {}", pipeline.agreement.id, forbidden.join("; ")),
    )
    .with_hint(
        "leave the fields out of the SELECT (a `*` reads every field of the contract), or have the parties list them \
         under `analyse`",
    ))
}

fn why_forbidden(read: &BaseField, pipeline: &ResolvedPipeline) -> Option<String> {
    let source = pipeline.sources.iter().find(|source| read.table.strip_prefix("sources.") == Some(&source.name))?;
    let is = |names: &[String]| names.iter().any(|name| name == &read.field);
    if read.field == PERSON || is(&source.clause.analyse) || is_added(read, source) {
        return None;
    }
    let name = format!("{}.{}", read.table, read.field);
    Some(if is(&source.clause.link) {
        format!("{name} (a linkage field: it exists in the identity step only)")
    } else {
        format!("{name} (not listed for purpose `{}`)", pipeline.spec.purpose)
    })
}

/// A column that deliveries add: the day of a snapshot is about the delivery, and the end of an effective-dated row says
/// what the field says from which it begins.
fn is_added(read: &BaseField, source: &ResolvedSource) -> bool {
    let terms = &source.contract.delivery;
    let of_field = terms.effective.as_ref().is_none_or(|field| source.clause.analyse.contains(field));
    terms.added_column() == Some(read.field.as_str()) && of_field
}

/// The pseudonym column of every source about people.
pub(crate) const PERSON: &str = "person";

/// The Arrow type of a person's pseudonym.
pub(crate) const PSEUDONYM: DataType = DataType::FixedSizeBinary(16);

fn contract_schema(source: &ResolvedSource) -> Schema {
    let person = (!source.contract.person.is_empty()).then(|| Field::new(PERSON, PSEUDONYM, true));
    let fields = source.contract.fields.iter().map(|field| Field::new(&field.name, intake::arrow_type(field), true));
    let added = source.contract.delivery.added_column().map(|name| Field::new(name, DataType::Date32, true));
    Schema::new(person.into_iter().chain(fields).chain(added).collect::<Vec<_>>())
}

fn link_schema() -> Schema {
    Schema::new(vec![
        Field::new("left_person", PSEUDONYM, false),
        Field::new("right_person", PSEUDONYM, false),
        Field::new("rule", DataType::Utf8, false),
        Field::new("probability", DataType::Float64, false),
    ])
}

fn register_empty(context: &SessionContext, name: &str, schema: Schema) -> Result<()> {
    let (schema_name, table) = name.split_once('.').unwrap_or(("models", name));
    let reference = datafusion::common::TableReference::partial(schema_name, table);
    context
        .register_table(reference, Arc::new(EmptyTable::new(Arc::new(schema))))
        .map(|_| ())
        .map_err(|error| Error::internal("model.register", error.strip_backtrace()))
}
