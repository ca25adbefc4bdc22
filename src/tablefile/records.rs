//! Files that are no tables: records, a person a row.

use super::raw::RawFile;
use crate::error::Error;

/// Refuses a file that looks like records of persons, by the names of its columns. Their values are not looked at.
pub(super) fn refused(file: &RawFile) -> Option<Error> {
    let column = file.columns.iter().find(|column| is_of_a_person(&column.name))?;
    let said = format!(
        "{} looks like records, a person a row, not like a table: it has a column `{}`",
        file.path, column.name
    );
    let hint = "a table has a row for each group, and columns that count its people: count the records first, with a pipeline \
                (`accord run`). `accord contract infer` drafts a contract for records";
    Some(Error::data("tables.records", said).with_hint(hint))
}

/// Whether a column is named for what only a person has.
fn is_of_a_person(name: &str) -> bool {
    let lower = spaced(name);
    let words: Vec<&str> = lower.split(|character: char| !character.is_alphanumeric()).collect();
    let has = |all: &[&str]| words.iter().any(|word| all.contains(word));
    if has(&["count", "counts", "n", "number", "num", "percent", "pct", "rate", "total"]) && !has(&["id"]) {
        return false;
    }
    let named = has(&["name"]) && has(&["first", "last", "given", "family", "middle", "maiden"]);
    let born = has(&["birth"]) && has(&["date", "day", "dt"]);
    let known = has(&["person", "student", "pupil", "learner", "patient", "employee", "worker", "member"]);
    let alone =
        ["firstname", "lastname", "surname", "forename", "birthdate", "birthday", "dob", "ssn", "ssid", "email"];
    let known = known && has(&["id", "identifier"]) && !has(&["group", "subgroup", "category", "type"]);
    named || born || known || has(&alone) || has(&["studentid", "personid"])
}

/// In lower case, `FirstName` as two words.
fn spaced(name: &str) -> String {
    let mut text = String::new();
    let mut small = false;
    for character in name.chars() {
        if small && character.is_uppercase() {
            text.push(' ');
        }
        small = character.is_lowercase();
        text.extend(character.to_lowercase());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_of_persons_are_known_by_their_names_and_those_of_tables_are_not_taken_for_them() {
        for name in ["First Name", "last_name", "LastName", "BirthDate", "birth_date", "date of birth", "DOB", "SSID"] {
            assert!(is_of_a_person(name), "{name}");
        }
        for name in ["student_id", "StudentID", "Student Identifier", "email", "worker id", "surname"] {
            assert!(is_of_a_person(name), "{name}");
        }
        for name in ["School Name", "District Code", "school_id", "Students", "birth_year", "births", "Student Count"] {
            assert!(!is_of_a_person(name), "{name}");
        }
        for name in ["Student Group ID", "first_quarter", "last year", "n_email", "Race/Ethnicity", "Member of a tribe"]
        {
            assert!(!is_of_a_person(name), "{name}");
        }
    }
}
