//! Which base columns a plan reads, and from which each column of its output comes.
//!
//! The walk errs on the safe side: a node it does not know passes every column of its inputs on to each of its outputs.

use std::collections::{BTreeMap, BTreeSet};

use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, DFSchemaRef, TableReference};
use datafusion::logical_expr::{Expr, JoinType, LogicalPlan, TableScan};

use crate::error::{Error, Result};

/// A column of a table that SQL starts from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct BaseField {
    /// Such as `sources.graduates`.
    pub table: String,
    /// Such as `school`.
    pub field: String,
}

/// A set of base columns.
pub type Lineage = BTreeSet<BaseField>;

/// What the walk knows of the tables and collects on its way.
pub(super) struct Walk<'a> {
    /// For each model planned before: the lineage of its columns.
    pub models: &'a BTreeMap<String, Vec<Lineage>>,
    /// Every base column that any expression reads.
    pub reads: Lineage,
}

/// The columns in reach of an expression, with their lineage.
struct Scope {
    schema: DFSchemaRef,
    columns: Vec<Lineage>,
}

impl Walk<'_> {
    /// The lineage of each output column of `plan`.
    pub(super) fn plan(&mut self, plan: &LogicalPlan) -> Result<Vec<Lineage>> {
        self.node(plan, &[])
    }

    fn node(&mut self, plan: &LogicalPlan, outer: &[&Scope]) -> Result<Vec<Lineage>> {
        if let LogicalPlan::TableScan(scan) = plan {
            return self.scan(scan);
        }
        let mut scopes = Vec::new();
        for input in plan.inputs() {
            scopes.push(Scope { schema: input.schema().clone(), columns: self.node(input, outer)? });
        }
        let mut expressions = Vec::new();
        for expression in plan.expressions() {
            expressions.push(self.expression(&expression, &scopes, outer)?);
        }
        let all = || scopes.iter().flat_map(|scope| scope.columns.iter().flatten().cloned()).collect::<Lineage>();
        let width = plan.schema().fields().len();
        Ok(match plan {
            LogicalPlan::Projection(_) | LogicalPlan::Aggregate(_) if expressions.len() == width => expressions,
            LogicalPlan::Window(_) => {
                let mut columns = first(&scopes);
                columns.extend(expressions);
                columns
            }
            LogicalPlan::Filter(_)
            | LogicalPlan::Sort(_)
            | LogicalPlan::Limit(_)
            | LogicalPlan::SubqueryAlias(_)
            | LogicalPlan::Subquery(_)
            | LogicalPlan::Repartition(_)
            | LogicalPlan::Distinct(datafusion::logical_expr::Distinct::All(_)) => first(&scopes),
            LogicalPlan::Join(join) => match join.join_type {
                JoinType::LeftSemi | JoinType::LeftAnti => first(&scopes),
                JoinType::RightSemi | JoinType::RightAnti => {
                    scopes.pop().map(|scope| scope.columns).unwrap_or_default()
                }
                JoinType::Inner | JoinType::Left | JoinType::Right | JoinType::Full => {
                    scopes.into_iter().flat_map(|scope| scope.columns).collect()
                }
                _ => vec![all(); width],
            },
            LogicalPlan::Union(_) => (0..width)
                .map(|at| {
                    scopes
                        .iter()
                        .filter_map(|scope| scope.columns.get(at))
                        .flat_map(|one| one.iter().cloned())
                        .collect()
                })
                .collect(),
            LogicalPlan::EmptyRelation(_) | LogicalPlan::Values(_) => vec![Lineage::new(); width],
            _ => {
                let mut everything = all();
                everything.extend(expressions.into_iter().flatten());
                self.reads.extend(everything.iter().cloned());
                vec![everything; width]
            }
        })
    }

    fn scan(&mut self, scan: &TableScan) -> Result<Vec<Lineage>> {
        let table = table_name(&scan.table_name)?;
        let model = table.strip_prefix("models.").and_then(|name| self.models.get(name));
        let of_field = |index: usize| -> Lineage {
            if let Some(columns) = model {
                return columns.get(index).cloned().unwrap_or_default();
            }
            let field = scan.source.schema().field(index).name().clone();
            Lineage::from([BaseField { table: table.clone(), field }])
        };
        let width = scan.source.schema().fields().len();
        Ok(match &scan.projection {
            Some(indexes) => indexes.iter().map(|index| of_field(*index)).collect(),
            None => (0..width).map(of_field).collect(),
        })
    }

    fn expression(&mut self, expression: &Expr, scopes: &[Scope], outer: &[&Scope]) -> Result<Lineage> {
        let mut found = Lineage::new();
        let mut subqueries = Vec::new();
        expression
            .apply(|node| {
                match node {
                    Expr::Column(column) | Expr::OuterReferenceColumn(_, column) => {
                        found.extend(resolve(column, scopes, outer));
                    }
                    Expr::Exists(exists) => subqueries.push(exists.subquery.subquery.clone()),
                    Expr::InSubquery(one) => subqueries.push(one.subquery.subquery.clone()),
                    Expr::ScalarSubquery(subquery) => subqueries.push(subquery.subquery.clone()),
                    Expr::SetComparison(one) => subqueries.push(one.subquery.subquery.clone()),
                    _ => {}
                }
                Ok(TreeNodeRecursion::Continue)
            })
            .map_err(|_| Error::internal("model.walk", "the plan's expressions can't be walked"))?;
        let around: Vec<&Scope> = scopes.iter().chain(outer.iter().copied()).collect();
        for subquery in subqueries {
            // EXISTS gives one bit that depends on all that its subquery reads: what it reads is what it is made of.
            let mut inner = Walk { models: self.models, reads: Lineage::new() };
            let columns = inner.node(&subquery, &around)?;
            found.extend(columns.into_iter().flatten());
            found.extend(inner.reads);
        }
        self.reads.extend(found.iter().cloned());
        Ok(found)
    }
}

fn first(scopes: &[Scope]) -> Vec<Lineage> {
    scopes.first().map(|scope| scope.columns.clone()).unwrap_or_default()
}

/// The lineage of a column: of the nearest scope that knows it, and of everything in reach where none does.
fn resolve(column: &Column, scopes: &[Scope], outer: &[&Scope]) -> Lineage {
    let known = scopes
        .iter()
        .chain(outer.iter().copied())
        .find_map(|scope| scope.schema.maybe_index_of_column(column).map(|at| scope.columns.get(at).cloned()));
    match known {
        Some(Some(lineage)) => lineage,
        _ => scopes
            .iter()
            .chain(outer.iter().copied())
            .flat_map(|scope| scope.columns.iter().flatten().cloned())
            .collect(),
    }
}

/// `schema.table` of a scan; a scan of anything else is refused.
fn table_name(reference: &TableReference) -> Result<String> {
    match reference.schema() {
        Some(schema) if super::engine::SCHEMAS.contains(&schema) => Ok(format!("{schema}.{}", reference.table())),
        _ => Err(Error::governance(
            "agreement.other_table",
            format!("the model reads `{reference}`, which is not one of sources.*, links.* and models.*"),
        )
        .with_hint("a model may read sources.*, links.* and earlier models.* only; no file, function or system table")),
    }
}
