//! The links of a pipeline: rules first, then probability, and what that leaves for people to look at.

use std::io::Read as _;
use std::sync::Arc;

use datafusion::prelude::SessionContext;

use super::Job;
use super::sources::Admitted;
use crate::error::{Context as _, Error, Result};
use crate::identity::{
    self, AgreementKeys, Given, LinkModel, LinkageSpec, Links, ProbableLinks, Resources, ReviewPair, SourcePeople,
};
use crate::sealed;
use crate::storage::Store;
use crate::workspace::{Link, ResolvedPipeline};

/// Links the people of two sources.
pub(super) async fn link(
    job: &Job<'_>,
    context: &SessionContext,
    pipeline: &ResolvedPipeline,
    (name, spec): (&str, &Link),
    admitted: &mut [Admitted],
) -> Result<(Links, Option<ProbableLinks>)> {
    let place = |source: &str| {
        pipeline.sources.iter().position(|one| one.name == source).filter(|at| *at < admitted.len()).ok_or_else(|| {
            Error::config("pipeline.link", format!("there is no source `{source}` to link"))
                .with_hint("`left` and `right` name sources of the pipeline")
        })
    };
    let (left, right) = (place(&spec.left)?, place(&spec.right)?);
    let mut links = identity::link(spec, &admitted[left].people, &admitted[right].people, name)?;
    let Some(probabilistic) = &spec.probabilistic else { return Ok((links, None)) };
    let files = pipeline.link_files.get(name);
    let read = || format!("link {name} of pipeline `{}`", pipeline.spec.name);
    let model = files.and_then(|files| files.model.as_deref()).map(model).transpose().context(read)?;
    let decisions = files.and_then(|files| files.decisions.as_deref()).unwrap_or_default();
    let decisions = identity::read_decisions(decisions, admitted[left].people.key()).context(read)?;
    let pool = Arc::clone(&context.runtime_env().memory_pool);
    let resources = Resources::new(job.engine.threads, pool, job.engine.memory_limit);
    let sides = two(admitted, left, right)?;
    let probable = identity::link_by_probability(
        &LinkageSpec::resolve(name, probabilistic)?,
        spec.assignment,
        sides,
        &mut links,
        &Given { decisions: &decisions, model: model.as_ref(), resources: &resources, minimum: pipeline.minimum_cell },
    )
    .await?;
    Ok((links, Some(probable)))
}

fn two(admitted: &mut [Admitted], left: usize, right: usize) -> Result<(&mut SourcePeople, &mut SourcePeople)> {
    match admitted.get_disjoint_mut([left, right]) {
        Ok([left, right]) => Ok((&mut left.people, &mut right.people)),
        Err(_) => Err(Error::config("pipeline.link", "a link is between two sources")),
    }
}

fn model(text: &str) -> Result<LinkModel> {
    serde_json::from_str(text).map_err(|error| {
        Error::config("identity.model", format!("the model can't be read: line {} is wrong", error.line()))
            .with_hint("copy it anew from the state storage, under linkage/")
    })
}

/// Keeps what people look at: the model as it is, and the work list encrypted to the agreement's own key, since
/// pseudonyms with what agrees about them are for reviewers alone.
pub(super) async fn keep(
    state: &Store,
    pipeline: &str,
    link: &str,
    probable: &ProbableLinks,
    keys: &AgreementKeys,
) -> Result<()> {
    let failed = |_| Error::internal("run.linkage", "the model can't be written");
    let model = serde_json::to_vec_pretty(&probable.model).map_err(failed)?;
    state.put(&format!("linkage/{pipeline}/{link}/model.json"), model).await?;
    let recipient = keys.quarantine_recipient();
    let sealed = sealed::seal(to_csv(&probable.review, &keys.fingerprint()).as_bytes(), &recipient)
        .map_err(|error| Error::failed("run.work_list", "the work list can't be encrypted").with_source(error))?;
    state.put(&format!("linkage/{pipeline}/{link}/review.csv.age"), sealed).await
}

/// The work list that the last run of a pipeline left for a link.
///
/// # Errors
/// A usage error where there is none; `run.work_list` where it is of another key, or damaged.
pub async fn work_list(state: &Store, pipeline: &str, link: &str, keys: &AgreementKeys) -> Result<String> {
    let folder = format!("linkage/{pipeline}/{link}");
    let path = format!("{folder}/review.csv.age");
    if !state.list(&folder).await?.iter().any(|entry| entry.path == path) {
        return Err(Error::usage("review.none", format!("there is no work list of link {link} yet"))
            .with_hint(format!("`accord run {pipeline}` makes it")));
    }
    let damaged = || Error::failed("run.work_list", "the work list is of another key, or damaged");
    let sealed = state.read(&path).await?;
    let mut text = String::new();
    let mut reader =
        sealed::unseal(&sealed, keys.quarantine_identity()).map_err(|error| damaged().with_source(error))?;
    reader.read_to_string(&mut text).map_err(|error| damaged().with_source(error))?;
    Ok(text)
}

/// The work list as CSV: the pair, an empty decision, the key that made the pseudonyms, how probable it is, and how each
/// field agrees.
fn to_csv(review: &[ReviewPair], key: &str) -> String {
    let fields = review.first().map(|pair| pair.levels.iter().map(|level| level.0.as_str()).collect::<Vec<_>>());
    let mut text = format!("left,right,decision,key,probability,{}\n", fields.unwrap_or_default().join(","));
    for pair in review {
        let person = |person: &identity::Pseudonym| hex::encode(person.as_bytes());
        let levels: Vec<String> = pair.levels.iter().map(|level| format!("\"{}\"", level.1)).collect();
        let (left, right) = (person(&pair.left), person(&pair.right));
        text += &format!("{left},{right},,{key},{:.3},{}\n", pair.probability, levels.join(","));
    }
    text
}
