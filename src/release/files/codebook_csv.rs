//! `codebook.csv`: a row for each column, and one for each code.

use bytes::Bytes;

use super::codebook::Codebook;

const HEADER: [&str; 9] = ["table", "column", "role", "type", "required", "unit", "description", "code", "meaning"];

pub(super) fn codebook_csv(books: &[Codebook]) -> Bytes {
    let mut text = line(&HEADER);
    for table in books.iter().map(|book| &book.table) {
        for column in &table.columns {
            let required = if column.role.required() { "true" } else { "false" };
            let unit = column.unit.as_deref().unwrap_or_default();
            let row = |description: &str, code: &str, meaning: &str| {
                let about = [table.name.as_str(), &column.name, column.role.word(), column.role.type_word()];
                line(&[&about[..], &[required, unit, description, code, meaning]].concat())
            };
            let description = match &column.hidden_when {
                Some(when) => format!("{}. Hidden: {when}", column.description.trim_end_matches('.')),
                None => column.description.clone(),
            };
            text.push_str(&row(&description, "", ""));
            for label in &column.labels {
                text.push_str(&row("", &label.code, &label.meaning));
            }
            if let Some(total) =
                column.total.as_ref().filter(|total| column.labels.iter().all(|one| one.code != **total))
            {
                text.push_str(&row("", total, "the total over this column"));
            }
        }
    }
    Bytes::from(text)
}

/// A line of RFC 4180.
fn line(fields: &[&str]) -> String {
    let quoted = fields.iter().map(|field| {
        if field.contains(['"', ',', '\r', '\n']) {
            format!("\"{}\"", field.replace('"', "\"\""))
        } else {
            (*field).to_owned()
        }
    });
    let mut line = quoted.collect::<Vec<_>>().join(",");
    line.push_str("\r\n");
    line
}

#[cfg(test)]
mod tests {
    use super::line;

    #[test]
    fn fields_with_commas_quotes_and_line_ends_are_quoted() {
        assert_eq!(line(&["a", "b,c", "d\"e", "f\ng", ""]), "a,\"b,c\",\"d\"\"e\",\"f\ng\",\r\n");
    }
}
