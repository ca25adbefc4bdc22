//! What a pipeline would do, said before it does it: read what under which clause, publish what to whom, who must
//! approve. The same lines are kept with each candidate, so that the next plan can say what changed.

use std::fmt::Write as _;
use std::path::PathBuf;

use datafusion::prelude::SessionContext;
use jiff::civil::Date;

use crate::error::{Context, Error, Result};
use crate::identity::LinkageSpec;
use crate::model::{CheckedModel, plan_models};
use crate::release;
use crate::rules;
use crate::tabulate::{self, MeasureSource, TableSpec};
use crate::workspace::{
    AgreementStatus, DeliveryMode, EFFECTIVE_UNTIL, Homogeneous, LegalBasis, LinkFiles, Method, NotBy, Pick,
    Probabilistic, ResolvedPipeline, ResolvedSource, Roles, SNAPSHOT_DATE, Window, Zeros,
};

/// A pipeline whose SQL and tables are checked against its agreement and contracts.
pub struct CheckedPipeline<'a> {
    /// The pipeline.
    pub pipeline: &'a ResolvedPipeline,
    /// Its models.
    pub models: Vec<CheckedModel>,
    /// Its tables.
    pub tables: Vec<TableSpec>,
}

/// Checks a pipeline's SQL and tables without reading a row. `context` is a fresh session.
///
/// # Errors
/// Config and governance errors that name the file, the field or the column.
pub async fn check<'a>(context: &SessionContext, pipeline: &'a ResolvedPipeline) -> Result<CheckedPipeline<'a>> {
    let at = || format!("pipeline `{}`", pipeline.spec.name);
    for (name, link) in pipeline.spec.identity.links.iter() {
        if let Some(probabilistic) = &link.probabilistic {
            LinkageSpec::resolve(name, probabilistic).context(at)?;
        }
    }
    rules::check(pipeline).context(at)?;
    let models = plan_models(context, pipeline).await.context(at)?;
    let mut tables = Vec::new();
    for (name, table) in pipeline.spec.tables.iter() {
        let model = models.iter().find(|model| model.name == table.from).ok_or_else(|| {
            Error::config("table.no_model", format!("table `{name}` is from `{}`, which is no model", table.from))
        })?;
        let spec = tabulate::resolve(name, table, &model.columns).context(at)?;
        refuse_disguised(&spec, model, pipeline).context(at)?;
        tables.push(spec);
    }
    one_hierarchy_per_column(&tables).context(at)?;
    Ok(CheckedPipeline { pipeline, models, tables })
}

/// A column lies within the same columns in every table of a model. Otherwise the same people would stand in two tables
/// under two names, and what one table hides the other could give away unseen.
fn one_hierarchy_per_column(tables: &[TableSpec]) -> Result<()> {
    let chain = |table: &TableSpec, column: &str| {
        let axis = table.axes.iter().find(|axis| axis.columns.iter().any(|one| one == column))?;
        let at = axis.columns.iter().position(|one| one == column)?;
        Some(axis.columns[..at].to_vec())
    };
    for (at, table) in tables.iter().enumerate() {
        for column in table.axes.iter().flat_map(|axis| &axis.columns) {
            let other = tables[..at]
                .iter()
                .filter(|other| other.model == table.model)
                .find(|other| chain(other, column).is_some_and(|above| Some(above) != chain(table, column)));
            if let Some(other) = other {
                return Err(Error::config(
                    "table.two_hierarchies",
                    format!("`{column}` lies within other columns in table `{}` than in `{}`", table.name, other.name),
                )
                .with_hint(format!("give `{column}` the same `within` in both tables")));
            }
        }
    }
    Ok(())
}

/// A dimension that has the name of a contract's field must be made of that field alone: the parties agreed to the
/// field, not to whatever a SELECT puts under its name.
fn refuse_disguised(spec: &TableSpec, model: &CheckedModel, pipeline: &ResolvedPipeline) -> Result<()> {
    let is_field = |name: &str| pipeline.sources.iter().any(|source| source.contract.field(name).is_some());
    for name in spec.axes.iter().flat_map(|axis| &axis.columns).filter(|name| is_field(name)) {
        let Some(column) = model.columns.iter().find(|column| &column.name == name) else { continue };
        if let Some(other) = column.lineage.iter().find(|one| &one.field != name) {
            return Err(Error::governance(
                "agreement.disguised_dimension",
                format!("dimension `{name}` is made of `{}.{}`", other.table, other.field),
            )
            .with_hint("a dimension named like a contract's field must be that field; give another one its own name and list it in the agreement's outputs.dimensions"));
        }
    }
    Ok(())
}

/// Refuses a pipeline whose agreement is not in force on `today`.
///
/// # Errors
/// A governance error that says since when or until when.
pub fn in_force(pipeline: &ResolvedPipeline, today: Date) -> Result<()> {
    let agreement = &pipeline.agreement;
    if agreement.in_force_on(today) {
        return Ok(());
    }
    let why = match agreement.status {
        AgreementStatus::Active if today < agreement.effective.from => {
            format!("comes into force on {}", agreement.effective.from)
        }
        AgreementStatus::Active => format!("expired on {}", agreement.effective.until),
        AgreementStatus::Draft => "is a draft".to_owned(),
        AgreementStatus::Suspended => "is suspended".to_owned(),
        AgreementStatus::Ended => "has ended".to_owned(),
    };
    Err(Error::governance("agreement.not_in_force", format!("agreement `{}` {why}; today is {today}", agreement.id))
        .with_hint("the parties must sign a renewal; then change `effective` or `status` in config/agreements/"))
}

/// The page, line by line.
#[must_use]
pub fn page(checked: &CheckedPipeline<'_>, roles: &Roles) -> Vec<String> {
    let mut page = String::new();
    // Writing to a String can't fail.
    let _ = write_page(&mut page, checked, roles);
    page.lines().map(str::to_owned).collect()
}

fn write_page(page: &mut String, checked: &CheckedPipeline<'_>, roles: &Roles) -> std::fmt::Result {
    let pipeline = checked.pipeline;
    let (spec, agreement) = (&pipeline.spec, &pipeline.agreement);
    writeln!(page, "Plan of pipeline `{}`: {}", spec.name, spec.title)?;
    writeln!(page)?;
    writeln!(page, "Agreement  {} ({})", agreement.title, agreement.id)?;
    writeln!(page, "  basis    {}", basis(agreement.legal_basis))?;
    writeln!(page, "  in force {} to {}", agreement.effective.from, agreement.effective.until)?;
    let purpose = agreement.purposes.get(&spec.purpose).map_or("", String::as_str);
    writeln!(page, "  purpose  {}: {purpose}", spec.purpose)?;
    writeln!(page)?;
    writeln!(page, "Reads")?;
    for source in &pipeline.sources {
        let party =
            agreement.parties.get(&source.contract.partner).map_or(source.contract.partner.as_str(), |one| &one.name);
        let clause = source.clause.clause.as_deref().unwrap_or("data");
        writeln!(
            page,
            "  sources.{} from {party} ({}, contract {})",
            source.name, source.spec.from, source.contract.id
        )?;
        writeln!(page, "    under {clause}")?;
        delivered(page, source)?;
        let table = format!("sources.{}", source.name);
        let read = |field: &&String| {
            checked.models.iter().any(|model| model.reads.iter().any(|one| one.table == table && &one.field == *field))
        };
        writeln!(page, "    for linkage, gone after the identity step: {}", list(source.clause.link.iter()))?;
        writeln!(page, "    for analysis: {}", list(source.clause.analyse.iter().filter(read)))?;
        writeln!(page, "    allowed, not read: {}", list(source.clause.analyse.iter().filter(|field| !read(field))))?;
    }
    for (name, link) in spec.identity.links.iter() {
        let rules = link.rules.iter().map(|rule| rule.fields.join(" + ")).collect::<Vec<_>>().join(", then ");
        let rules = if rules.is_empty() { "probability" } else { &rules };
        writeln!(page, "  links.{name}: {} with {} by {rules}", link.left, link.right)?;
        if let Some(probabilistic) = &link.probabilistic {
            write_probabilistic(page, probabilistic, checked.pipeline.link_files.get(name))?;
        }
    }
    writeln!(page)?;
    writeln!(page, "Publishes")?;
    for table in &checked.tables {
        write_table(page, checked, table)?;
    }
    write_protection(page, pipeline)?;
    let recipients = spec.release.recipients.iter().map(|id| match roles.recipients.get(id) {
        Some(recipient) => format!("{id} ({})", recipient.title),
        None => id.clone(),
    });
    writeln!(page, "  to: {}", recipients.collect::<Vec<_>>().join(", "))?;
    writeln!(page)?;
    writeln!(page, "Approvals")?;
    let approvals = &agreement.approvals;
    writeln!(
        page,
        "  {} stewards, at least one of each of: {}",
        approvals.required,
        list(approvals.one_from_each.iter())
    )?;
    if approvals.not_by.contains(&NotBy::RunAuthor) {
        writeln!(page, "  nobody approves what they ran")?;
    }
    writeln!(page, "  unanswered after {}: rejected", approvals.expires_after)
}

fn write_protection(page: &mut String, pipeline: &ResolvedPipeline) -> std::fmt::Result {
    let disclosure = &pipeline.spec.disclosure;
    let minimum = pipeline.minimum_cell;
    match disclosure.method {
        Method::Suppression => writeln!(
            page,
            "  hidden: counts under {minimum} people, and what would give them away (level {}, empty cells {}, groups of nobody or everybody {}{})",
            disclosure.level,
            if disclosure.zeros == Zeros::Hide { "hidden" } else { "printed" },
            if disclosure.homogeneous == Homogeneous::Hide { "hidden" } else { "printed" },
            if disclosure.contributor { "" } else { ", not from those who are counted themselves" }
        ),
        Method::Rounding(rounding) => writeln!(
            page,
            "  rounded: every figure to a multiple of {}, totals kept, so that counts under {minimum} people stay open (level {})",
            rounding.base, disclosure.level
        ),
        Method::CellKey(rule) => writeln!(
            page,
            "  with noise: every figure by its people, at most {}, so that counts under {minimum} people stay open (level {})",
            rule.maximum, disclosure.level
        ),
    }
}

/// How the source is delivered and picked, where it is not all of the newest.
fn delivered(page: &mut String, source: &ResolvedSource) -> std::fmt::Result {
    let picked = match source.spec.pick {
        Pick::Newest | Pick::All => None,
        Pick::Last(count) => Some(format!("the last {count} deliveries")),
        Pick::Within(days) => Some(format!("deliveries of the last {days}")),
        Pick::Window(Window { from, until }) => {
            let from = from.map(|day| format!(" from {day}")).unwrap_or_default();
            let until = until.map(|day| format!(" until {day}")).unwrap_or_default();
            Some(format!("deliveries{from}{until}"))
        }
    };
    if let Some(picked) = picked {
        writeln!(page, "    picks {picked}")?;
    }
    let terms = &source.contract.delivery;
    let key = terms.key.join(" + ");
    match terms.mode {
        DeliveryMode::Transactions => writeln!(page, "    delivered as changes, replayed by {key}")?,
        DeliveryMode::EffectiveDated => {
            let from = terms.effective.as_deref().unwrap_or_default();
            writeln!(page, "    delivered as rows in effect from {from} to {EFFECTIVE_UNTIL}, by {key}")?;
        }
        DeliveryMode::Replacement if terms.snapshots => {
            writeln!(page, "    delivered as dated snapshots, told apart by {SNAPSHOT_DATE}")?;
        }
        DeliveryMode::Replacement => {}
    }
    let limits = terms.freshness;
    let limits = [(limits.warn, "late after"), (limits.error, "refused after"), (limits.every, "expected every")];
    let limits = limits.into_iter().filter_map(|(days, word)| Some(format!("{word} {}", days?)));
    let limits: Vec<String> = limits.collect();
    if limits.is_empty() { Ok(()) } else { writeln!(page, "    {}", limits.join(", ")) }
}

fn write_probabilistic(page: &mut String, spec: &Probabilistic, files: Option<&LinkFiles>) -> std::fmt::Result {
    writeln!(page, "    by probability on keyed encodings of: {}", list(spec.compare.keys()))?;
    writeln!(page, "    compared where one agrees: {}", list(spec.blocking.iter().map(|rule| rule.join(" + "))))?;
    match spec.thresholds.link {
        Some(link) => write!(page, "    linked from {link} on")?,
        None => write!(page, "    none linked without somebody's look")?,
    }
    writeln!(page, ", for review from {} on", spec.thresholds.review)?;
    // Whoever approves sees that a file changed, and not its lines.
    let named = |path: &Option<PathBuf>, text: Option<&String>| {
        let digest = release::sha256_hex(text?.as_bytes());
        Some(format!("of {} (sha256 {})", path.as_ref()?.display(), &digest[..16]))
    };
    let model = named(&spec.model, files.and_then(|files| files.model.as_ref()));
    writeln!(
        page,
        "    weights {}",
        model.unwrap_or_else(|| "trained on each run's people, without labels".to_owned())
    )?;
    match named(&spec.decisions, files.and_then(|files| files.decisions.as_ref())) {
        Some(decisions) => writeln!(page, "    decisions of clerical review {decisions}"),
        None => Ok(()),
    }
}

fn write_table(page: &mut String, checked: &CheckedPipeline<'_>, table: &TableSpec) -> std::fmt::Result {
    let written = checked.pipeline.spec.tables.get(&table.name);
    let unit = written.map_or("", |one| one.counts.as_str());
    writeln!(page, "  table {} (counts: {unit})", table.name)?;
    let model = checked.models.iter().find(|model| model.name == table.model);
    for axis in &table.axes {
        let levels = axis.columns.iter().map(|name| {
            let made_of = model
                .and_then(|model| model.columns.iter().find(|column| &column.name == name))
                .map(|column| list(column.lineage.iter().map(|one| format!("{}.{}", one.table, one.field))))
                .unwrap_or_default();
            format!("{name} ({made_of})")
        });
        let total = if axis.total.is_some() { ", with total" } else { "" };
        writeln!(page, "    by {}{total}", levels.collect::<Vec<_>>().join(" > "))?;
    }
    for measure in &table.measures {
        let what = match &measure.source {
            MeasureSource::Rows => "rows".to_owned(),
            MeasureSource::Where(column) => format!("rows where {column}"),
            MeasureSource::By(column) => format!("rows for each {column}"),
        };
        writeln!(page, "    {}: {what}", measure.name)?;
    }
    for rate in &table.rates {
        writeln!(page, "    {}: {} in percent of {}", rate.name, rate.numerator, rate.denominator)?;
    }
    Ok(())
}

fn list<T: ToString>(items: impl Iterator<Item = T>) -> String {
    let items: Vec<String> = items.map(|item| item.to_string()).collect();
    if items.is_empty() { "nothing".to_owned() } else { items.join(", ") }
}

fn basis(basis: LegalBasis) -> &'static str {
    match basis {
        LegalBasis::FerpaStudies => "studies for schools, 34 CFR 99.31(a)(6)",
        LegalBasis::FerpaAuditEvaluation => "audit or evaluation, 34 CFR 99.31(a)(3) and 99.35",
        LegalBasis::FerpaSchoolOfficial => "school official, 34 CFR 99.31(a)(1)",
        LegalBasis::Consent => "consent, 34 CFR 99.30",
        LegalBasis::OpenLicence => "data published under an open licence",
    }
}

/// What differs between the page kept with an earlier candidate and this one: lines gone (`-`) and new (`+`).
#[must_use]
pub fn changes(before: &[String], now: &[String]) -> Vec<String> {
    let gone = before.iter().filter(|line| !now.contains(line)).map(|line| format!("- {}", line.trim()));
    let new = now.iter().filter(|line| !before.contains(line)).map(|line| format!("+ {}", line.trim()));
    gone.chain(new).collect()
}
