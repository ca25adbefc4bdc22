//! Text as YAML has it, for what Accord drafts and people complete.

use std::fmt::Write as _;

/// A text in double quotes that a reader of YAML takes for just this text.
pub(crate) fn quoted(text: &str) -> String {
    // JSON within YAML, but for what JSON prints as it is and YAML 1.2 (5.1) doesn't read, or takes for the end of a line.
    let json = serde_json::Value::String(text.to_owned()).to_string();
    let mut quoted = String::with_capacity(json.len());
    for character in json.chars() {
        match u32::from(character) {
            code @ (0x7f..=0x9f | 0x2028 | 0x2029 | 0xfeff | 0xfffe | 0xffff) => {
                let _ = write!(quoted, "\\u{code:04x}");
            }
            _ => quoted.push(character),
        }
    }
    quoted
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(yaml: &str) -> Option<Vec<String>> {
        serde_saphyr::from_str(yaml).ok()
    }

    #[test]
    fn every_character_is_read_back() {
        let all: Vec<char> = ('\0'..=char::MAX).collect();
        for some in all.chunks(1000) {
            let text: String = some.iter().collect();
            if read(&format!("[{}]", quoted(&text))) != Some(vec![text]) {
                for one in some {
                    let text = one.to_string();
                    assert_eq!(read(&format!("[{}]", quoted(&text))), Some(vec![text]), "U+{:04X}", u32::from(*one));
                }
                panic!("each of them alone is read back");
            }
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_back(texts in prop::collection::vec(any::<String>(), 1..4)) {
            let list: Vec<String> = texts.iter().map(|text| quoted(text)).collect();
            prop_assert_eq!(read(&format!("[{}]", list.join(", "))), Some(texts));
        }
    }
}
