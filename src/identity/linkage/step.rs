//! The second pass of a link: whom no rule links, linked by probability. The encodings of both sides end here.

use super::super::keys::KeyId;
use super::super::link::{Links, one_key};
use super::super::people::SourcePeople;
use super::super::pseudonym::Pseudonym;
use super::engine::{Known, KnownPair, score};
use super::model::LinkModel;
use super::outcome::{self, GroupBy, Outcome, ProbabilityReport, ReviewPair};
use super::session::Resources;
use super::spec::LinkageSpec;
use crate::error::{Error, Result};
use crate::workspace::Assignment;

/// A decision of clerical review.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Decision {
    /// The person on the left.
    pub left: Pseudonym,
    /// The person on the right.
    pub right: Pseudonym,
    /// Whether the two are the same.
    pub same: bool,
}

/// What a link by probability is given besides its people.
#[derive(Clone, Copy)]
pub struct Given<'a> {
    /// Decisions of clerical review.
    pub decisions: &'a [Decision],
    /// A reviewed model; one is trained where there is none.
    pub model: Option<&'a LinkModel>,
    /// What it may use of the machine.
    pub resources: &'a Resources,
    /// Groups of fewer people are not reported.
    pub minimum: u64,
}

/// What linkage by probability leaves beside its links.
pub struct ProbableLinks {
    /// Pairs for clerical review.
    pub review: Vec<ReviewPair>,
    /// What was done.
    pub report: ProbabilityReport,
    /// The model that was used.
    pub model: LinkModel,
}

/// Adds to `links` the pairs of `left` and `right` that are probable enough. Takes the encodings out of both sides:
/// they are wiped when this returns.
///
/// # Errors
/// `identity.keys_differ` where another agreement or epoch made the one side; `identity.normalisers_differ` where the two
/// contracts normalise a field in two ways; what [`score`] refuses.
pub async fn link_by_probability(
    spec: &LinkageSpec,
    assignment: Assignment,
    sides: (&mut SourcePeople, &mut SourcePeople),
    links: &mut Links,
    given: &Given<'_>,
) -> Result<ProbableLinks> {
    one_key(sides.0, sides.1, &spec.link)?;
    if assignment == Assignment::ManyToOne {
        return many_to_one(spec, sides, links, given).await;
    }
    let take = |side: &mut SourcePeople| {
        let at = side.encoded.iter().position(|one| one.link == spec.link);
        let missing = || Error::internal("identity.seam", format!("link {} has no encodings", spec.link));
        at.map(|at| side.encoded.swap_remove(at)).ok_or_else(missing)
    };
    let (left, right) = (take(sides.0)?, take(sides.1)?);
    if left.normalisers != right.normalisers {
        return Err(Error::config(
            "identity.normalisers_differ",
            format!("the compared fields of link {} are normalised in two ways", spec.link),
        )
        .with_hint("give the fields the same `normalise` in both contracts"));
    }
    let by_rule = links.pairs.iter().map(|pair| (pair.0, pair.1, Known::ByRule));
    let of = |decision: &Decision| if decision.same { Known::Same } else { Known::Different };
    let reviewed = given.decisions.iter().map(|one| (one.left, one.right, of(one)));
    // Where a rule and review disagree, the people who looked are right.
    let mut known: Vec<KnownPair> = reviewed.chain(by_rule).collect();
    known.sort_by_key(|pair| {
        (pair.0, pair.1, [Known::Different, Known::ByRule, Known::Same].iter().position(|k| *k == pair.2))
    });
    known.dedup_by_key(|pair| (pair.0, pair.1));
    // Of the two, the source on the pipeline's left has them.
    let right_has_groups = left.groups.is_empty();
    let groups = if right_has_groups { right.groups } else { left.groups };
    let scored = score(spec, left.people, right.people, assignment, &known, given.model, given.resources).await?;
    let by: Vec<GroupBy<'_>> = groups
        .iter()
        .map(|(field, groups)| GroupBy {
            field,
            right: right_has_groups,
            of: Box::new(|person| {
                groups.binary_search_by_key(person, |group| group.0).ok().map(|at| groups[at].1.as_str())
            }),
        })
        .collect();
    let Outcome { links: probable, review, report } = outcome::decide(spec, &scored, assignment, &by, given.minimum);
    links.take_probable(probable, &found_apart(&known));
    Ok(ProbableLinks { review, report, model: scored.model })
}

/// Many-to-one is one-to-many turned round.
async fn many_to_one(
    spec: &LinkageSpec,
    (left, right): (&mut SourcePeople, &mut SourcePeople),
    links: &mut Links,
    given: &Given<'_>,
) -> Result<ProbableLinks> {
    let turn = |one: &Decision| Decision { left: one.right, right: one.left, same: one.same };
    let decisions: Vec<Decision> = given.decisions.iter().map(turn).collect();
    let mut turned = std::mem::replace(links, Links::none_of(links)).turned();
    let given = Given { decisions: &decisions, ..*given };
    let mut done =
        Box::pin(link_by_probability(spec, Assignment::OneToMany, (right, left), &mut turned, &given)).await?;
    *links = turned.turned();
    done.review.iter_mut().for_each(|pair| std::mem::swap(&mut pair.left, &mut pair.right));
    done.review.sort_by_key(|pair| (pair.left, pair.right));
    Ok(done)
}

/// Pairs that somebody found not to be the same.
fn found_apart(known: &[KnownPair]) -> Vec<(Pseudonym, Pseudonym)> {
    known.iter().filter(|pair| pair.2 == Known::Different).map(|pair| (pair.0, pair.1)).collect()
}

/// Reads a file of decisions: lines of `left,right,same,KEY` or `left,right,different,KEY`, with pseudonyms and the
/// fingerprint of the key that made them as in the work list. The work list with its `decision` column filled in is such
/// a file: more columns, a first line of names, lines that are empty, undecided or begin with `#` are passed over.
///
/// # Errors
/// `identity.decisions` with the number of the line that can't be read; `identity.keys_differ` where its pseudonyms are
/// not of `key`: they would be nobody's, and the decision would be lost without a word.
pub fn read_decisions(text: &str, key: &KeyId) -> Result<Vec<Decision>> {
    let mut decisions = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') || at == 0 && line.starts_with("left,") {
            continue;
        }
        let wrong = || {
            Error::config("identity.decisions", format!("line {} of the decisions can't be read", at + 1))
                .with_hint("write `left,right,same,KEY` or `left,right,different,KEY`, with pseudonyms and key as in the work list")
        };
        let parts: Vec<&str> = line.split(',').map(str::trim).collect();
        let (left, right, word, of) = match parts[..] {
            [left, right, word] => (left, right, word, ""),
            [left, right, word, of, ..] => (left, right, word, of),
            _ => return Err(wrong()),
        };
        let person = |text: &str| Some(Pseudonym(hex::decode(text).ok()?.try_into().ok()?));
        let same = match word {
            "same" => true,
            "different" => false,
            // Not decided yet.
            "" => continue,
            _ => return Err(wrong()),
        };
        let (left, right) = (person(left).ok_or_else(wrong)?, person(right).ok_or_else(wrong)?);
        if of.is_empty() {
            return Err(wrong());
        }
        if of != key.fingerprint {
            return Err(Error::config(
                "identity.keys_differ",
                format!("line {} of the decisions is about pseudonyms of another key than {key}", at + 1),
            )
            .with_hint(
                "the key was rotated since: take the line out, and decide about the pair in the new work list",
            ));
        }
        decisions.push(Decision { left, right, same });
    }
    Ok(decisions)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "2bc5a165f5a2aaf1";

    fn read(text: &str) -> Result<Vec<Decision>> {
        read_decisions(text, &KeyId { agreement: "a".into(), epoch: 2, fingerprint: KEY.into() })
    }

    #[test]
    fn a_filled_in_work_list_is_a_file_of_decisions() {
        let (a, b) = ("0a".repeat(16), "0b".repeat(16));
        let text = format!(
            "left,right,decision,key,probability,first_name\n{a},{b},same,{KEY},0.400,\"alike\"\n# a note\n\n\
             {b},{a},,{KEY},0.3,\"-\"\n{b},{b},different,{KEY}\n"
        );
        let decisions = read(&text).unwrap();
        assert_eq!(decisions.iter().map(|one| one.same).collect::<Vec<_>>(), [true, false]);
        assert_eq!(decisions[0].left, Pseudonym([10; 16]));
    }

    #[test]
    fn a_decision_that_can_not_be_read_is_named_by_its_line_and_not_quoted() {
        let people = format!("{0},{0}", "0a".repeat(16));
        for line in ["x,y,same", "0a,0b,same", "left", &format!("{people},perhaps,{KEY}"), &format!("{people},same")] {
            let refused = read(&format!("left,right,decision\n{line}\n")).err().unwrap();
            assert_eq!(refused.code(), "identity.decisions");
            assert_eq!(refused.to_string(), "line 2 of the decisions can't be read");
        }
    }

    #[test]
    fn decisions_about_pseudonyms_of_another_key_are_an_error_and_are_not_passed_over() {
        let line = format!("{0},{0},same,0123456789abcdef\n", "0a".repeat(16));
        let refused = read(&line).err().unwrap();
        assert_eq!(refused.code(), "identity.keys_differ");
        assert!(!refused.to_string().contains("0a0a"), "{refused}");
    }
}
