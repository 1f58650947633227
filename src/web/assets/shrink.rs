//! Leaves out of scripts and styles what only their readers need.
//!
//! It knows no syntax, and so takes only what can be nothing else in files
//! that are written like ours: indentation, comments that begin a line or end
//! a statement, and the casts that `tsc` reads. What a template spreads over
//! several lines stays as it is.

use std::borrow::Cow;

/// How a cast begins in a script whose types are in comments.
const CAST: &str = "/** @type {";

/// A script or style without its comments.
pub(super) fn shrink(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut in_comment = false;
    let mut in_template = false;
    for line in text.lines() {
        if in_comment {
            in_comment = !line.trim_end().ends_with("*/");
            continue;
        }
        let code = if in_template {
            Cow::Borrowed(line)
        } else if let Some(code) = code_of(line.trim(), &mut in_comment) {
            code
        } else {
            continue;
        };
        in_template ^= code.matches('`').count() % 2 == 1;
        kept.push_str(&code);
        kept.push('\n');
    }
    kept
}

/// What is left of a line that begins outside of everything; `None` if that is
/// nothing.
fn code_of<'a>(line: &'a str, in_comment: &mut bool) -> Option<Cow<'a, str>> {
    let mut line = line;
    while line.starts_with("/*") {
        let Some((_, code)) = line.split_once("*/") else {
            *in_comment = true;
            return None;
        };
        line = code.trim_start();
    }
    if line.is_empty() || line.starts_with("//") {
        return None;
    }
    Some(without_casts(without_note(line)))
}

/// Without the note behind a statement.
fn without_note(line: &str) -> &str {
    let ends = ["; // ", ", // ", "{ // "];
    let end = ends.iter().filter_map(|end| line.find(end)).min();
    end.map_or(line, |end| &line[..=end])
}

fn without_casts(line: &str) -> Cow<'_, str> {
    let mut line = Cow::Borrowed(line);
    while let Some(start) = line.find(CAST) {
        let Some(length) = line[start..].find("*/") else {
            break;
        };
        let rest = line[start + length + 2..].trim_start();
        line = Cow::Owned(format!("{}{rest}", &line[..start]));
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_indentation_go_and_code_stays() {
        let text = "// What it is for.\nimport { a } from \"./a.js\"; // a note\n\n/**\n * Long.\n */\n\
                    /** Short. */\nexport const b = \"/* c */\";\n/* d */ e();\n  // f\n  g();\n";
        let kept = "import { a } from \"./a.js\";\nexport const b = \"/* c */\";\ne();\ng();\n";
        assert_eq!(shrink(text), kept);
    }

    #[test]
    fn casts_go_from_inside_a_line() {
        let text = "  /** @type {Map<string, number>} */ #counts = new Map();\n\
                    const a = /** @type {any} */ (b) + /** @type {any} */ (c);\n";
        assert_eq!(shrink(text), "#counts = new Map();\nconst a = (b) + (c);\n");
    }

    #[test]
    fn addresses_selectors_and_templates_are_no_comments() {
        let text =
            "go(\"https://example.org/*\");\n.a > * { color: red }\nsay(`one\n\n  // two\n`);\n";
        assert_eq!(shrink(text), text);
    }
}
