//! Leaves out of scripts and styles what only their readers need.
//!
//! It knows no syntax, and so takes only what can be nothing else: comments
//! that begin their line, and the casts that `tsc` reads. Our own files are
//! written that way; in others nothing is lost but a few bytes.

use std::borrow::Cow;

/// How a cast begins in a script whose types are in comments.
const CAST: &str = "/** @type {";

/// A script or style without its comments.
pub(super) fn shrink(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut in_comment = false;
    for line in text.lines() {
        let code = line.trim();
        if in_comment {
            in_comment = !code.ends_with("*/");
        } else if code.starts_with("/*") && !has_code_after(code) {
            in_comment = !code.contains("*/");
        } else if !code.is_empty() && !code.starts_with("//") {
            kept.push_str(&without_casts(line));
            kept.push('\n');
        }
    }
    kept
}

/// Whether something stands behind the comment that opens this line.
fn has_code_after(line: &str) -> bool {
    line.split_once("*/")
        .is_some_and(|(_, rest)| !rest.is_empty())
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
    fn comments_of_whole_lines_go_and_code_stays() {
        let text = "// What it is for.\nimport { a } from \"./a.js\"; // kept\n\n/**\n * Long.\n */\n\
                    /** Short. */\nexport const b = \"/* c */\";\n/* d */ e();\n  // f\n";
        let kept =
            "import { a } from \"./a.js\"; // kept\nexport const b = \"/* c */\";\n/* d */ e();\n";
        assert_eq!(shrink(text), kept);
    }

    #[test]
    fn casts_go_from_inside_a_line() {
        let text = "  /** @type {Map<string, number>} */ #counts = new Map();\n\
                    const a = /** @type {any} */ (b) + /** @type {any} */ (c);\n";
        assert_eq!(
            shrink(text),
            "  #counts = new Map();\nconst a = (b) + (c);\n"
        );
    }

    #[test]
    fn addresses_and_selectors_are_no_comments() {
        let text = "go(\"https://example.org/*\");\n.a > * { color: red }\n";
        assert_eq!(shrink(text), text);
    }
}
