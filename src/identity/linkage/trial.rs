//! A link of two sets of records outside a pipeline, under a key made up for it.

use std::panic::resume_unwind;

use super::super::keyed_hash::KeyedHash;
use super::super::pseudonym::Pseudonym;
use super::encode::LinkEncoder;
use super::engine::score;
use super::outcome::{self, Outcome};
use super::session::Resources;
use super::spec::LinkageSpec;
use super::step::ProbableLinks;
use crate::error::Result;
use crate::workspace::Assignment;

/// The records of one side.
pub struct LinkTrial {
    people: KeyedHash,
    encoder: LinkEncoder,
}

/// Pairs with their probability.
pub type ProbablePairs = Vec<(Pseudonym, Pseudonym, f64)>;

impl LinkTrial {
    /// No records yet; keys come from `root`, which must be the same for both sides and used for nothing else.
    #[must_use]
    pub fn new(spec: &LinkageSpec, root: &[u8; 32]) -> Self {
        let key = |domain: &str| KeyedHash::new(root, &format!("trial {domain}"));
        Self { people: key("people"), encoder: LinkEncoder::new(spec, key) }
    }

    /// Takes in a record: its name and normalised values, one per compared field. Gives the pseudonym that stands for
    /// the name.
    pub fn push<'a>(&mut self, name: &str, values: impl IntoIterator<Item = Option<&'a str>>) -> Pseudonym {
        let person = Pseudonym(self.people.of([name]));
        self.encoder.push(person, values);
        person
    }

    /// Links this side, on the left, with another.
    ///
    /// # Errors
    /// What [`score`] refuses.
    pub async fn link(
        self,
        right: Self,
        spec: &LinkageSpec,
        assignment: Assignment,
        resources: &Resources,
    ) -> Result<(ProbablePairs, ProbableLinks)> {
        // Many to one is one to many, the other way round.
        let turned = assignment == Assignment::ManyToOne;
        let (left, right, assignment) =
            if turned { (right, self, Assignment::OneToMany) } else { (self, right, assignment) };
        let (left, right) = std::thread::scope(|scope| {
            let left = scope.spawn(|| left.encoder.finish());
            let right = right.encoder.finish();
            (left.join().unwrap_or_else(|panic| resume_unwind(panic)), right)
        });
        let scored = score(spec, left, right, assignment, &[], None, resources).await?;
        let Outcome { mut links, mut review, report } = outcome::decide(spec, &scored, assignment, &[], 1);
        if turned {
            review.iter_mut().for_each(|pair| std::mem::swap(&mut pair.left, &mut pair.right));
            links.iter_mut().for_each(|link| std::mem::swap(&mut link.0, &mut link.1));
        }
        Ok((links, ProbableLinks { review, report, model: scored.model }))
    }
}
