//! The draft as text.

use std::fmt::Write;

use super::super::sniff::format_yaml;
use super::columns::words;
use super::evidence::{Candidate, NO_VALUE};
use super::part::Part;
use super::{Column, Key, none};
use crate::error::Result;
use crate::workspace::{Compression, DateFormat, Encoding, Format};
use crate::yaml::quoted;

/// Parts of names that identifiers of people have, in small letters without anything between.
const IDENTIFYING: [&str; 22] = [
    "ssn",
    "ssid",
    "studentid",
    "studentno",
    "studentnum",
    "studentunique",
    "pupil",
    "stateid",
    "localid",
    "personid",
    "personno",
    "name",
    "birth",
    "born",
    "dob",
    "address",
    "street",
    "email",
    "phone",
    "zip",
    "guardian",
    "socialsecurity",
];
/// Words beside `name` that say whose name it is.
const NO_PERSON: [&str; 24] = [
    "school",
    "district",
    "college",
    "county",
    "state",
    "city",
    "course",
    "test",
    "program",
    "agency",
    "file",
    "group",
    "subject",
    "campus",
    "org",
    "organization",
    "institution",
    "branch",
    "employer",
    "degree",
    "assessment",
    "lea",
    "university",
    "country",
];
/// The share of values that may not fit for a column to be drafted at all.
const MISFITS: f64 = 0.01;

/// Files of one layout.
struct Group<'p> {
    part: &'p Part,
    files: usize,
    /// Which of all columns it has, in its order.
    columns: Vec<usize>,
    quoted: bool,
}

/// A field of the draft.
struct Drafted {
    name: String,
    /// Not drafted, and why.
    left_out: Option<String>,
    /// It is in the files of each layout.
    everywhere: bool,
}

pub(super) fn draft(parts: &[Part], columns: &[Column], path: &str, id: &str) -> Result<String> {
    let groups = groups(parts, columns);
    let fixed = |group: &Group<'_>| matches!(group.part.format, Format::FixedWidth { .. });
    if groups.len() > 1 && groups.iter().any(fixed) {
        return Err(none(path, "its files have lines of several lengths: draft a contract for one of them"));
    }
    let mut fields: Vec<Drafted> = Vec::new();
    for (at, column) in columns.iter().enumerate() {
        let name = field_name(column, at, &fields);
        let everywhere = groups.iter().all(|group| group.columns.contains(&at));
        fields.push(Drafted { name, left_out: left_out(column), everywhere });
    }
    if fields.iter().all(|field| field.left_out.is_some()) {
        return Err(none(path, "none of its columns can be read: they hold lists, objects or times"));
    }
    let mut text = String::new();
    // Writing to a string never fails.
    let _ = write_all(&mut text, parts, columns, &groups, &fields, id);
    Ok(text)
}

/// The layouts of the parts.
fn groups<'p>(parts: &'p [Part], columns: &[Column]) -> Vec<Group<'p>> {
    let mut groups: Vec<Group<'p>> = Vec::new();
    for part in parts {
        let of_part =
            (0..part.names.len().max(part.width)).filter(|at| part.names.is_empty() || *at < part.names.len());
        let key = |at: usize| match part.names.get(at) {
            Some(name) => Key::Named(name.clone(), super::occurrence(&part.names, at)),
            None => Key::Placed(at),
        };
        let of_part: Vec<usize> =
            of_part.filter_map(|at| columns.iter().position(|column| column.key == key(at))).collect();
        let sorted = |columns: &[usize]| {
            let mut sorted = columns.to_vec();
            sorted.sort_unstable();
            sorted
        };
        let same = groups.iter_mut().find(|group| {
            unquoted(&group.part.format) == unquoted(&part.format)
                && group.part.encoding == part.encoding
                && sorted(&group.columns) == sorted(&of_part)
        });
        let quoted = matches!(part.format, Format::Delimited { quote: Some(_), .. });
        match same {
            Some(group) => {
                group.files += 1;
                group.quoted |= quoted;
            }
            None => groups.push(Group { part, files: 1, columns: of_part, quoted }),
        }
    }
    groups
}

fn unquoted(format: &Format) -> Format {
    let mut format = format.clone();
    if let Format::Delimited { quote, .. } = &mut format {
        *quote = None;
    }
    format
}

/// Why a column can't be a field.
fn left_out(column: &Column) -> Option<String> {
    let (_, misfits) = column.evidence.best();
    let named = matches!(column.key, Key::Named(..));
    (named && misfits as f64 > MISFITS * column.evidence.cells as f64)
        .then(|| column.evidence.unreadable().unwrap_or("values of several kinds").to_owned())
}

fn write_all(
    text: &mut String,
    parts: &[Part],
    columns: &[Column],
    groups: &[Group<'_>],
    fields: &[Drafted],
    id: &str,
) -> std::fmt::Result {
    let rows: u64 = parts.iter().map(|part| part.rows).sum();
    let broken: u64 = parts.iter().map(|part| part.broken).sum();
    writeln!(
        text,
        "# A draft, made of a sample of {rows} rows. Look through it with the partner, above all what is marked."
    )?;
    if broken > 0 {
        writeln!(text, "# {broken} of them can't be taken apart like this: `accord contract check` shows where.")?;
    }
    writeln!(
        text,
        "id: {id}\nversion: 0.1.0\npartner: WHO # the party of the agreement that delivers it\ntitle: WHAT"
    )?;
    // The contract's own layout has every field.
    let own = groups.iter().position(|group| group.columns.len() == columns.len());
    let shown = own.unwrap_or(0);
    let drop = fields.iter().any(|field| field.left_out.is_some());
    if own.is_none() {
        writeln!(text, "layout: all columns # none of the files has all of them: their layouts are below")?;
    } else if groups.len() > 1 {
        writeln!(text, "layout: layout {}", shown + 1)?;
    }
    if let Some(group) = groups.get(shown) {
        layout(text, group, "", drop)?;
    }
    if parts.iter().any(|part| part.unsure) {
        writeln!(text, "# If its first line names the columns, and is no row, write `header: true` and the names.")?;
    }
    people(text, columns, fields)?;
    writeln!(text, "fields:")?;
    for (column, field) in columns.iter().zip(fields) {
        writeln!(text, "  {}", line(column, field, groups.get(shown).map(|group| group.part)))?;
    }
    let others: Vec<usize> = (0..groups.len()).filter(|at| own != Some(*at)).collect();
    if others.is_empty() || groups.len() == 1 {
        return Ok(());
    }
    writeln!(text, "layouts:")?;
    for at in others {
        let group = &groups[at];
        let name = group.part.member.as_ref().map_or("", |member| member.name.as_str());
        writeln!(text, "  - name: layout {} # {} files, such as {}", at + 1, group.files, quoted(name))?;
        layout(text, group, "    ", drop)?;
        let placed = group.part.names.is_empty();
        let place = |at: usize, field: &Drafted| match group.columns.iter().position(|column| *column == at) {
            None => Some(format!("{}: absent", field.name)),
            Some(number) if placed => Some(format!("{}: {{ number: {} }}", field.name, number + 1)),
            Some(_) => None,
        };
        let drafted = fields.iter().enumerate().filter(|(_, field)| field.left_out.is_none());
        let places: Vec<String> = drafted.filter_map(|(at, field)| place(at, field)).collect();
        if !places.is_empty() {
            writeln!(text, "    columns: {{ {} }}", places.join(", "))?;
        }
    }
    Ok(())
}

/// Format, encoding, compression.
fn layout(text: &mut String, group: &Group<'_>, indent: &str, drop: bool) -> std::fmt::Result {
    let part = group.part;
    let quote = group.quoted.then_some('"');
    let sheets = match &part.format {
        Format::Excel { .. } if part.sheets.len() > 1 => {
            let sheets: Vec<String> = part.sheets.iter().map(|sheet| quoted(sheet)).collect();
            format!(" # its sheets are {}: is it this one?", sheets.join(", "))
        }
        _ => String::new(),
    };
    writeln!(text, "{indent}format: {}{sheets}", format_yaml(&part.format, quote))?;
    if part.format.is_text() {
        let note = if part.ascii && part.encoding == Encoding::Utf8 && !matches!(part.format, Format::JsonLines {}) {
            " # the sample is ASCII alone: ask the partner"
        } else {
            ""
        };
        writeln!(text, "{indent}encoding: {}{note}", part.encoding.word())?;
    }
    if part.compression != Compression::None {
        writeln!(text, "{indent}compression: {}", part.compression.word())?;
    }
    if drop {
        writeln!(text, "{indent}extra_columns: drop # for those that are left out below")?;
    }
    Ok(())
}

/// The fields of which a person is known, for somebody to choose from.
fn people(text: &mut String, columns: &[Column], fields: &[Drafted]) -> std::fmt::Result {
    let likely = columns.iter().zip(fields).filter(|(column, field)| {
        let always = field.everywhere && column.evidence.always();
        field.left_out.is_none() && always && identifies(column, &field.name)
    });
    let likely: Vec<&str> = likely.map(|(_, field)| field.name.as_str()).collect();
    if likely.is_empty() {
        return Ok(());
    }
    writeln!(text, "# person: [{}] # whom a row is about: which of these, if any?", likely.join(", "))
}

/// A field's line.
fn line(column: &Column, field: &Drafted, part: Option<&Part>) -> String {
    let Drafted { name, left_out, everywhere } = field;
    let place = match &column.key {
        Key::Named(column, occurrence) => {
            let nth = occurrence.map_or(String::new(), |nth| format!(", occurrence: {nth}"));
            format!(", column: {}{nth}", quoted(column))
        }
        Key::Placed(at) => match part.and_then(|part| part.places.get(*at)) {
            Some((start, length)) => format!(", position: {{ start: {start}, length: {length} }}"),
            None => String::new(),
        },
    };
    if let (Some(why), Key::Named(column, _)) = (left_out, &column.key) {
        return format!("# column {} is left out: it has {why}, which are not read", quoted(column));
    }
    let (mut best, misfits) = column.evidence.best();
    let identifies = identifies(column, name);
    // An id in digits has leading zeros in another year.
    if identifies && best == Candidate::Integer {
        best = Candidate::String;
    }
    let mut marks = Vec::new();
    if identifies {
        let how = normaliser(name, best, column);
        marks.push(format!("identifies people? then `normalise: {how}`, and link by it only"));
    } else if matches!(best, Candidate::String | Candidate::Integer)
        && column.evidence.always()
        && column.evidence.is_distinct()
    {
        marks.push("no value comes twice: does it identify people?".to_owned());
    }
    if misfits > 0 {
        marks.push(format!("{misfits} values do not fit"));
    }
    if part.is_some_and(|part| matches!(part.format, Format::FixedWidth { .. })) {
        marks.push(match column.key {
            Key::Placed(0) if part.is_some_and(|part| part.places.len() == 1) => {
                "say where the fields stand: the sample does not show it".to_owned()
            }
            _ => "it stands between blanks: is it one field?".to_owned(),
        });
    }
    let mark = if marks.is_empty() { String::new() } else { format!(" # {}", marks.join("; ")) };
    format!("- {{ name: {name}{place}{} }}{mark}", kind(column, best, *everywhere))
}

/// Type, clean-up, and the words that likely mean "no value".
fn kind(column: &Column, best: Candidate, everywhere: bool) -> String {
    let evidence = &column.evidence;
    let mut text = format!(", type: {}", type_of(best, evidence.is_of_truth()));
    let steps = [(evidence.trimmed, "trim"), (evidence.unwrapped, "unwrap_excel_formula")];
    let steps: Vec<&str> = steps.into_iter().filter(|(needed, _)| *needed).map(|(_, step)| step).collect();
    if !steps.is_empty() {
        text += &format!(", clean: [{}]", steps.join(", "));
    }
    let known = NO_VALUE.iter().zip(evidence.words).filter(|(_, count)| *count > 0);
    let known: Vec<String> = known.map(|(word, _)| format!("{}: WHY", quoted(word))).collect();
    if !known.is_empty() {
        text += &format!(", missing: {{ {} }}", known.join(", "));
    }
    if everywhere && evidence.always() {
        text += ", required: true";
    }
    text
}

fn type_of(best: Candidate, truth: bool) -> String {
    match best {
        Candidate::Date(format) => {
            let word = match format {
                DateFormat::Compact => "YYYYMMDD",
                DateFormat::Iso => "YYYY-MM-DD",
                DateFormat::Us => "MM/DD/YYYY",
                DateFormat::UsShort => "M/D/YYYY",
            };
            format!("date, date_formats: [{word}]")
        }
        Candidate::Integer => "integer".to_owned(),
        Candidate::Number => "number".to_owned(),
        Candidate::Boolean(..) if truth => "boolean".to_owned(),
        Candidate::Boolean(yes, no) => {
            format!("boolean, boolean_words: {{ \"true\": [{}], \"false\": [{}] }}", quoted(yes), quoted(no))
        }
        Candidate::String => "string".to_owned(),
    }
}

/// Whether its name, or how its values are written, says that it likely identifies people.
fn identifies(column: &Column, name: &str) -> bool {
    let compact: String = name.chars().filter(|one| *one != '_').collect();
    let of_a_person = |part: &str| match part {
        "name" => compact.contains("name") && !name.split('_').any(|word| NO_PERSON.contains(&word)),
        part => compact.contains(part),
    };
    IDENTIFYING.iter().any(|part| of_a_person(part)) || column.evidence.looks_like_an_id()
}

/// What makes two spellings of it the same.
fn normaliser(name: &str, best: Candidate, column: &Column) -> &'static str {
    let has = |part: &[&str]| part.iter().any(|part| name.contains(part));
    match best {
        Candidate::Date(_) => "date",
        _ if column.evidence.looks_like_an_id() && !has(&["mail"]) => "digits",
        _ if has(&["first", "given", "nick"]) => "given_name",
        _ if has(&["last", "family", "surname"]) => "family_name",
        _ if has(&["name"]) => "name",
        _ if has(&["ssn", "ssid", "phone", "zip"]) => "digits",
        _ => "exact",
    }
}

/// A name that SQL can use, that no field before has.
fn field_name(column: &Column, at: usize, before: &[Drafted]) -> String {
    let taken = |name: &str| before.iter().any(|field| field.name == name);
    let name = match &column.key {
        Key::Named(column, _) => words(&ascii(column)).collect::<Vec<_>>().join("_"),
        Key::Placed(at) => format!("column_{}", at + 1),
    };
    let reserved = ["person", "snapshot_date", "effective_until"].contains(&name.as_str());
    let good = name.starts_with(|first: char| first.is_ascii_lowercase()) && !reserved;
    let name = if good { name } else { format!("column_{}", at + 1) };
    let again = (at + 1..).map(|number| format!("{name}_{number}"));
    std::iter::once(name.clone()).chain(again).find(|name| !taken(name)).unwrap_or(name)
}

/// What stands in ASCII, blanks for the rest.
fn ascii(text: &str) -> String {
    text.chars().map(|one| if one.is_ascii() { one } else { ' ' }).collect()
}
