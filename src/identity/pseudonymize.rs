//! Typed rows become pseudonymized rows: the person's pseudonym first, then the fields that the agreement lets SQL
//! read. Fields that only link are turned into keyed tokens and go no further.

use std::collections::HashMap;
use std::collections::btree_map::Entry;
use std::fmt;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, FixedSizeBinaryArray, RecordBatch, RecordBatchOptions, StringArray,
};
use arrow::buffer::Buffer;
use arrow::compute::filter_record_batch;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};

use super::columns::{NormalisedColumn, normaliser};
use super::keys::{AgreementKeys, KeyId, LinkKey, PseudonymKey};
use super::linkage::{LinkEncoder, LinkageSpec};
use super::people::{DistinctTokens, EncodedLink, Headcount, RuleTokens, SourcePeople};
use super::pseudonym::{Pseudonym, WIDTH};
use super::vault::{SealedPeople, VaultKey};
use crate::error::{Error, Result};
use crate::intake::{TypedRows, arrow_type};
use crate::spill::Spill;
use crate::workspace::{Contract, DataClause, Normaliser};

/// The reason under which rows are rejected in which nothing identifies the person.
pub const NO_PERSON: &str = "identity.no_person";

/// The column of the person's pseudonym: `FixedSizeBinary(16)`, never null.
pub const PERSON_COLUMN: &str = "person";

/// A rule of a link in which a source takes part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkEncoding {
    /// The link's name.
    pub link: String,
    /// The rule's place in the link, from 0.
    pub rule: usize,
    /// The rule's fields.
    pub fields: Vec<String>,
}

impl LinkEncoding {
    /// The rule's domain. Each rule has its own, so that tokens of two rules can't be compared.
    fn domain(&self) -> String {
        format!("{}#{}:{}", self.link, self.rule, self.fields.join(","))
    }
}

/// Rows without direct identifiers. Made here only.
pub struct PseudonymizedRows {
    batch: RecordBatch,
    /// Which of the typed rows they are, where not all.
    kept: Option<BooleanArray>,
    /// Rows left out because nothing in them identifies the person ([`NO_PERSON`]): rows in = rows of the batch +
    /// these.
    pub without_person: u64,
}

impl PseudonymizedRows {
    /// The rows: `person` (where the contract's rows are about people), then the clause's `analyse` fields in order.
    /// The schema's metadata says which agreement, epoch, key and normaliser version made the pseudonyms.
    #[must_use]
    pub fn batch(&self) -> &RecordBatch {
        &self.batch
    }

    /// Which of the typed rows they are; none where they are all of them.
    #[must_use]
    pub fn kept(&self) -> Option<&BooleanArray> {
        self.kept.as_ref()
    }

    /// The rows, by value.
    #[must_use]
    pub fn into_batch(self) -> RecordBatch {
        self.batch
    }
}

impl fmt::Debug for PseudonymizedRows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PseudonymizedRows(..)")
    }
}

/// Turns the typed rows of one source into pseudonymized rows, batch after batch, and collects its people.
pub struct Pseudonymizer {
    key: KeyId,
    schema: SchemaRef,
    /// The fields that pseudonyms and tokens are made of, and their values in the batch at hand.
    identifying: Vec<(String, Normaliser, NormalisedColumn)>,
    person: Option<PersonPart>,
    rules: Vec<RulePart>,
    vault: Option<(Arc<VaultKey>, SealedPeople)>,
    linkages: Vec<LinkagePart>,
}

/// A link by probability in which the source takes part.
struct LinkagePart {
    link: String,
    encoder: LinkEncoder,
    /// Places in `identifying`.
    fields: Vec<usize>,
    groups: Vec<Groups>,
}

/// The groups of people by which a link reports.
struct Groups {
    field: String,
    /// Of several values of a person the first in the alphabet.
    of: HashMap<Pseudonym, String>,
}

impl Groups {
    fn by(field: &str) -> Self {
        Self { field: field.to_owned(), of: HashMap::new() }
    }

    fn note(&mut self, person: Pseudonym, value: &str) {
        match self.of.get_mut(&person) {
            Some(known) if value < known.as_str() => value.clone_into(known),
            Some(_) => {}
            None => drop(self.of.insert(person, value.to_owned())),
        }
    }
}

struct PersonPart {
    key: Arc<PseudonymKey>,
    /// Places in `identifying`.
    fields: Vec<usize>,
    people: Headcount,
}

struct RulePart {
    encoding: LinkEncoding,
    key: Arc<LinkKey>,
    /// Places in `identifying`.
    fields: Vec<usize>,
    pairs: DistinctTokens,
}

impl Pseudonymizer {
    /// Prepares the keys for rows under `contract`, as far as `clause` allows their use. `link_rules` are the rules in
    /// which the source takes part.
    ///
    /// # Errors
    /// A governance error where a field would be used otherwise than the clause says; a config error where a field does
    /// not exist or can't identify anybody.
    pub fn new(
        contract: &Contract,
        clause: &DataClause,
        keys: &AgreementKeys,
        link_rules: &[LinkEncoding],
    ) -> Result<Self> {
        check_clause(contract, clause)?;
        if contract.person.is_empty() && !link_rules.is_empty() {
            return Err(no_person_fields(contract));
        }
        let mut identifying = Vec::new();
        let person = (!contract.person.is_empty())
            .then(|| {
                let fields = places(&contract.person, contract, clause, &mut identifying)?;
                let key = Arc::new(keys.pseudonym_key(&contract.person.join(",")));
                Ok::<_, Error>(PersonPart { key, fields, people: Headcount::new(None) })
            })
            .transpose()?;
        let rules = link_rules
            .iter()
            .map(|encoding| {
                let fields = places(&encoding.fields, contract, clause, &mut identifying)?;
                let key = Arc::new(keys.link_key(&encoding.domain()));
                Ok(RulePart { encoding: encoding.clone(), key, fields, pairs: DistinctTokens::default() })
            })
            .collect::<Result<_>>()?;
        let schema = schema(contract, clause, keys)?;
        let (vault, linkages) = (None, Vec::new());
        Ok(Self { key: keys.id().clone(), schema, identifying, person, rules, vault, linkages })
    }

    /// Encodes the people for links by probability too, each with the fields by which it reports where this source is on its
    /// left. To be called with what [`Self::new`] was called with, before any row.
    ///
    /// # Errors
    /// As those of [`Self::new`].
    pub fn with_linkages(
        mut self,
        contract: &Contract,
        clause: &DataClause,
        keys: &AgreementKeys,
        linkages: &[(LinkageSpec, Vec<String>)],
    ) -> Result<Self> {
        if contract.person.is_empty() && !linkages.is_empty() {
            return Err(no_person_fields(contract));
        }
        self.linkages = linkages
            .iter()
            .map(|(spec, groups)| {
                let names: Vec<String> = spec.field_names().map(str::to_owned).collect();
                Ok(LinkagePart {
                    link: spec.link_name().to_owned(),
                    encoder: LinkEncoder::new(spec, |domain| keys.linkage_key(domain)),
                    fields: places(&names, contract, clause, &mut self.identifying)?,
                    groups: groups.iter().map(|field| Groups::by(field)).collect(),
                })
            })
            .collect::<Result<_>>()?;
        Ok(self)
    }

    /// With so much memory for the people of each thread, where no link asks who they are. To be called before any row.
    #[must_use]
    pub fn spilling(mut self, spill: Spill) -> Self {
        if let Some(part) = self.person.as_mut().filter(|_| self.rules.is_empty() && self.linkages.is_empty()) {
            part.people = Headcount::new(Some(spill));
        }
        self
    }

    /// Seals, beside all else, whom each pseudonym stands for: only where the agreement's `vault` clause names the contract.
    #[must_use]
    pub fn with_vault(mut self, key: VaultKey) -> Self {
        self.vault = Some((Arc::new(key), SealedPeople::default()));
        self
    }

    /// The people sealed so far, where there is a vault.
    #[must_use]
    pub fn take_sealed(&mut self) -> Option<SealedPeople> {
        self.vault.take().map(|(_, people)| people)
    }

    /// Another one for rows of the same source on another thread. The keys stay in their one place.
    #[must_use]
    pub fn another(&self) -> Self {
        let column = |(name, normaliser, _): &(String, Normaliser, NormalisedColumn)| {
            (name.clone(), *normaliser, NormalisedColumn::default())
        };
        let person = |part: &PersonPart| PersonPart {
            key: Arc::clone(&part.key),
            fields: part.fields.clone(),
            people: part.people.another(),
        };
        let rule = |part: &RulePart| RulePart {
            encoding: part.encoding.clone(),
            key: Arc::clone(&part.key),
            fields: part.fields.clone(),
            pairs: DistinctTokens::default(),
        };
        let linkage = |part: &LinkagePart| LinkagePart {
            link: part.link.clone(),
            encoder: part.encoder.another(),
            fields: part.fields.clone(),
            groups: part.groups.iter().map(|groups| Groups::by(&groups.field)).collect(),
        };
        Self {
            key: self.key.clone(),
            schema: self.schema(),
            identifying: self.identifying.iter().map(column).collect(),
            person: self.person.as_ref().map(person),
            rules: self.rules.iter().map(rule).collect(),
            vault: self.vault.as_ref().map(|(key, _)| (Arc::clone(key), SealedPeople::default())),
            linkages: self.linkages.iter().map(linkage).collect(),
        }
    }

    /// Puts what waits on disk in order, on the thread that collected it, before it is joined.
    ///
    /// # Errors
    /// `spill.write` where the disk refuses.
    pub fn settle(&mut self) -> Result<()> {
        self.person.as_mut().map_or(Ok(()), |part| part.people.settle())
    }

    /// Takes the people that [`Self::another`] has collected. Which of them had which rows makes no difference.
    ///
    /// # Errors
    /// `spill.write` where the disk refuses.
    pub fn join(&mut self, other: Self) -> Result<()> {
        if let (Some(own), Some(other)) = (&mut self.person, other.person) {
            own.people.join(other.people)?;
        }
        for (own, other) in self.rules.iter_mut().zip(&other.rules) {
            own.pairs.join(&other.pairs);
        }
        // A person's seal is the same from whichever row.
        if let (Some((_, own)), Some((_, other))) = (&mut self.vault, other.vault) {
            own.0.extend(other.0);
        }
        for (own, other) in self.linkages.iter_mut().zip(other.linkages) {
            own.encoder.join(other.encoder);
            for (own, other) in own.groups.iter_mut().zip(other.groups) {
                other.of.into_iter().for_each(|(person, value)| own.note(person, &value));
            }
        }
        Ok(())
    }

    /// The schema of all batches that [`Self::apply`] gives.
    #[must_use]
    pub fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    /// Pseudonymizes a batch of rows.
    ///
    /// # Errors
    /// An internal error where the columns are not those of the contract.
    pub fn apply(&mut self, rows: TypedRows) -> Result<PseudonymizedRows> {
        let typed = rows.batch();
        let groups = self.linkages.iter().map(|part| group_columns(part, typed)).collect::<Result<Vec<_>>>()?;
        for (name, normaliser, values) in &mut self.identifying {
            values.fill(column(typed, name)?, *normaliser)?;
        }
        let mut columns = Vec::with_capacity(self.schema.fields().len());
        let mut kept = None;
        if self.person.is_some() {
            let (people, has_person) = self.people_of(typed.num_rows(), &groups)?;
            columns.push(people);
            kept = Some(has_person);
        }
        for field in self.schema.fields().iter().skip(columns.len()) {
            let values = column(typed, field.name())?;
            if values.data_type() != field.data_type() {
                return Err(Error::internal("identity.seam", format!("column {} has another type", field.name())));
            }
            columns.push(Arc::clone(values));
        }
        let options = RecordBatchOptions::new().with_row_count(Some(typed.num_rows()));
        let all =
            RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options).map_err(arrow_failed)?;
        match kept {
            Some(kept) if kept.true_count() < kept.len() => {
                let batch = filter_record_batch(&all, &kept).map_err(arrow_failed)?;
                let without_person = (all.num_rows() - batch.num_rows()) as u64;
                Ok(PseudonymizedRows { batch, kept: Some(kept), without_person })
            }
            _ => Ok(PseudonymizedRows { batch: all, kept: None, without_person: 0 }),
        }
    }

    /// What linking needs of the rows so far. People on disk are counted by `threads`.
    ///
    /// # Errors
    /// `spill.read` or `spill.write` where the disk refuses.
    pub fn finish(self, threads: usize) -> Result<SourcePeople> {
        let (count, people) = self.person.map(|part| part.people.finish(threads)).transpose()?.unwrap_or_default();
        let identifying = &self.identifying;
        let rules = self.rules.into_iter().map(|part| RuleTokens {
            link: part.encoding.link,
            rule: part.encoding.rule,
            fields: part.encoding.fields,
            normalisers: part.fields.iter().map(|&place| identifying[place].1).collect(),
            pairs: part.pairs.finish(),
        });
        let encoded = self.linkages.into_iter().map(|part| {
            let sorted = |groups: Groups| {
                let mut of: Vec<_> = groups.of.into_iter().collect();
                of.sort_unstable();
                (groups.field, of)
            };
            EncodedLink {
                link: part.link,
                normalisers: part.fields.iter().map(|&place| identifying[place].1).collect(),
                people: part.encoder.finish(),
                groups: part.groups.into_iter().map(sorted).collect(),
            }
        });
        let (rules, encoded) = (rules.collect(), encoded.collect());
        Ok(SourcePeople { key: self.key, count, people, rules, encoded })
    }

    /// Each row's pseudonym (zeros where it has none), and which rows have one. Takes note of the people and tokens.
    fn people_of(&mut self, rows: usize, groups: &[Vec<StringArray>]) -> Result<(ArrayRef, BooleanArray)> {
        let mut people = Vec::new();
        if let Some(part) = &mut self.person {
            people = part.key.pseudonyms((0..rows).map(|row| values(&self.identifying, &part.fields, row)));
            people.iter().flatten().try_for_each(|&person| part.people.push(person))?;
        }
        for rule in &mut self.rules {
            let columns = &self.identifying;
            let tokens = rule.key.tokens((0..rows).map(|row| values(columns, &rule.fields, row)));
            let pairs = tokens.iter().zip(&people).filter_map(|(token, person)| token.zip(*person));
            pairs.for_each(|pair| rule.pairs.push(pair));
        }
        if !self.linkages.is_empty() || self.vault.is_some() {
            for (row, person) in people.iter().enumerate() {
                let Some(person) = *person else { continue };
                self.encode(row, person);
                self.seal(row, person)?;
                self.note_groups(person, row, groups);
            }
        }
        let has_person = people.iter().map(Option::is_some).collect::<Vec<_>>().into();
        let mut bytes = Vec::with_capacity(rows * WIDTH);
        people.iter().for_each(|person| bytes.extend_from_slice(&person.map_or([0; WIDTH], |person| person.0)));
        let people =
            FixedSizeBinaryArray::try_new(WIDTH as i32, Buffer::from_vec(bytes), None).map_err(arrow_failed)?;
        Ok((Arc::new(people), has_person))
    }

    /// Takes in a row for links by probability.
    fn encode(&mut self, row: usize, person: Pseudonym) {
        for part in &mut self.linkages {
            part.encoder.push(person, part.fields.iter().map(|&place| self.identifying[place].2.get(row)));
        }
    }

    /// Each person once.
    fn seal(&mut self, row: usize, person: Pseudonym) -> Result<()> {
        if let (Some(part), Some((key, people))) = (&self.person, &mut self.vault)
            && let Entry::Vacant(place) = people.0.entry(person)
            && let Some(values) = values(&self.identifying, &part.fields, row)
        {
            place.insert(key.seal(&person, values)?);
        }
        Ok(())
    }

    fn note_groups(&mut self, person: Pseudonym, row: usize, groups: &[Vec<StringArray>]) {
        for (part, column) in self.linkages.iter_mut().zip(groups) {
            for (groups, column) in part.groups.iter_mut().zip(column) {
                if column.is_valid(row) {
                    groups.note(person, column.value(row));
                }
            }
        }
    }
}

/// The columns by which a link reports, as text.
fn group_columns(part: &LinkagePart, typed: &RecordBatch) -> Result<Vec<StringArray>> {
    let text = |groups: &Groups| {
        let text = arrow::compute::cast(column(typed, &groups.field)?, &DataType::Utf8).map_err(arrow_failed)?;
        Ok(text.as_string::<i32>().clone())
    };
    part.groups.iter().map(text).collect()
}

impl fmt::Debug for Pseudonymizer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pseudonymizer({}, ..)", self.key)
    }
}

/// The values of `fields` in a row; `None` where one of them is missing.
fn values<'a>(
    columns: &'a [(String, Normaliser, NormalisedColumn)],
    fields: &'a [usize],
    row: usize,
) -> Option<impl Iterator<Item = &'a str>> {
    let values = fields.iter().map(move |&place| columns[place].2.get(row));
    values.clone().all(|value| value.is_some()).then(|| values.flatten())
}

/// What the workspace check has refused already, refused again here, where it would do harm.
fn check_clause(contract: &Contract, clause: &DataClause) -> Result<()> {
    if clause.contract != contract.id {
        return Err(Error::internal(
            "identity.seam",
            format!("the clause for {} was applied to rows of {}", clause.contract, contract.id),
        ));
    }
    if let Some(both) = clause.link.iter().find(|field| clause.analyse.contains(field)) {
        return Err(Error::governance(
            "identity.link_field_analysed",
            format!("field {both} of {} is listed under `link` and under `analyse`", contract.id),
        )
        .with_hint("a field that links is gone before SQL: list it under one of them"));
    }
    if clause.analyse.iter().any(|field| field == PERSON_COLUMN) {
        return Err(Error::config(
            "identity.reserved_name",
            format!("field {PERSON_COLUMN} of {} has the name of the pseudonym's column", contract.id),
        )
        .with_hint("give the field another name and say `column: person`"));
    }
    Ok(())
}

/// Where the values of `fields` will be found, each field once.
fn places(
    fields: &[String],
    contract: &Contract,
    clause: &DataClause,
    identifying: &mut Vec<(String, Normaliser, NormalisedColumn)>,
) -> Result<Vec<usize>> {
    let mut place_of = |name: &String| {
        if !clause.link.contains(name) {
            return Err(Error::governance(
                "identity.field_not_allowed",
                format!("the agreement does not list field {name} of {} under `link`", contract.id),
            ));
        }
        if let Some(place) = identifying.iter().position(|(known, ..)| known == name) {
            return Ok(place);
        }
        let field = contract.field(name).ok_or_else(|| no_field(name, contract))?;
        let normaliser = normaliser(field).ok_or_else(|| {
            Error::config("identity.type", format!("field {name} of {} can't identify people", contract.id))
                .with_hint("use a field of type string, integer or date")
        })?;
        identifying.push((name.clone(), normaliser, NormalisedColumn::default()));
        Ok(identifying.len() - 1)
    };
    fields.iter().map(&mut place_of).collect()
}

/// Built afresh from the contract: nothing that came with the typed rows is carried on.
fn schema(contract: &Contract, clause: &DataClause, keys: &AgreementKeys) -> Result<SchemaRef> {
    let mut fields = Vec::with_capacity(clause.analyse.len() + 1);
    if !contract.person.is_empty() {
        fields.push(Field::new(PERSON_COLUMN, DataType::FixedSizeBinary(WIDTH as i32), false));
    }
    for name in &clause.analyse {
        let field = contract.field(name).ok_or_else(|| no_field(name, contract))?;
        fields.push(Field::new(name, arrow_type(field), true));
    }
    let metadata = keys.id().metadata().into_iter().collect();
    Ok(Arc::new(Schema::new_with_metadata(fields, metadata)))
}

fn column<'a>(batch: &'a RecordBatch, name: &str) -> Result<&'a ArrayRef> {
    batch
        .column_by_name(name)
        .ok_or_else(|| Error::internal("identity.seam", format!("typed rows come without column {name}")))
}

fn no_person_fields(contract: &Contract) -> Error {
    Error::config("identity.no_person_fields", format!("rows of {} name no person", contract.id))
        .with_hint("add `person: [FIELD]` to the contract, or take the source out of `identity.links`")
}

fn no_field(name: &str, contract: &Contract) -> Error {
    Error::config("identity.no_field", format!("contract {} has no field {name}", contract.id))
}

/// Arrow's messages may quote values, so that none is passed on.
fn arrow_failed(_: arrow::error::ArrowError) -> Error {
    Error::internal("identity.arrow", "columns do not fit together")
}
