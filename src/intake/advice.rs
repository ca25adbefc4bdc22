//! What can be done about rejected rows, by the rule that rejected them.

/// What to do about rows that a rule rejected, in words for an operator; nothing for a rule that intake does not have.
pub fn advice(rule: &str) -> Option<&'static str> {
    Some(match rule {
        "allowed" => "have the code corrected, or add it to the field's `allowed` if the partner has begun to use it",
        "cell" => "have the cell's formula, list or error replaced by its value",
        "check_digit" => "have the identifier corrected: it was mistyped",
        "columns" => "have the row's delimiters corrected, or its text quoted",
        "compare" => "have the fields corrected, or the contract's rule if it is wrong for such rows",
        "conflict" => "ask the partner which of the rows with this key holds",
        "consistent" => "ask the partner which of the values is the right one for this key",
        "duplicate" => "none is missed: the row is there once; ask why it is delivered twice if there are many",
        "encoding" => "correct `encoding` in the contract, or ask how the file was written",
        "json" => "have the line written as one JSON object",
        "length" | "range" | "pattern" => "have the value corrected, or the field's limits if it is right",
        "picture" => "have the field written as the contract's picture says, or correct the picture",
        "placeholder" => "have the real identifier delivered, or nothing at all",
        "quote" => "have quotes within text doubled",
        "record_length" => "have the line filled up to the layout's length, or correct `length` in the layout",
        "reference" => "have the row that it refers to delivered in the other source, or its key corrected",
        "required" => "have the value delivered, or drop `required` if rows without it count",
        "type" => "have the value corrected, or name its format, words or `missing` values in the contract",
        _ => return None,
    })
}
