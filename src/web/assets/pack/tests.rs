//! What comes out of the packing, down to the text.

use super::*;

fn files(files: &[(&str, &str)]) -> Files {
    let files = files.iter();
    files
        .map(|(path, text)| ((*path).to_owned(), (*text).to_owned()))
        .collect()
}

fn refusal(sources: &[(&str, &str)]) -> String {
    let error = scripts(&files(sources)).unwrap_err();
    format!("{error:#}")
}

#[test]
fn what_the_page_needs_at_once_is_one_script_in_its_order() {
    let packed = scripts(&files(&[
        (
            "js/main.js",
            "// Starts.\nimport { a, b as c } from \"./lib/a.js\";\nimport * as d from \"./d.js\";\ngo(a, c, d);\n",
        ),
        (
            "js/d.js",
            "import {\n  a,\n} from \"./lib/a.js\";\nexport const d = a;\nexport async function e() {}\n",
        ),
        (
            "js/lib/a.js",
            "export const a = 1;\nexport class b {}\nconst own = 2;\n",
        ),
        ("js/unused.js", "export const unused = 1;\n"),
    ]))
    .unwrap();
    assert_eq!(packed.keys().collect::<Vec<_>>(), ["js/main.js"]);
    assert_eq!(
        packed["js/main.js"],
        "const $1 = (() => {\nconst a = 1;\nclass b {}\nconst own = 2;\nreturn { a, b };\n})();\n\
         const $0 = (() => {\nconst {a,} = $1;\nconst d = a;\nasync function e() {}\nreturn { d, e };\n})();\n\
         const { a, b: c } = $1;\nconst d = $0;\ngo(a, c, d);\n"
    );
}

#[test]
fn what_is_fetched_later_shares_its_modules_with_the_page() {
    let packed = scripts(&files(&[
        (
            "js/main.js",
            "import { a } from \"./a.js\";\nawait import(\"./views/one.js\");\nawait import(\"./views/two.js\");\n",
        ),
        ("js/a.js", "export const a = 1;\n"),
        ("js/both.js", "export const both = 1;\n"),
        ("js/views/own.js", "export const own = 1;\n"),
        (
            "js/views/one.js",
            "import { a } from \"../a.js\";\nimport { both } from \"../both.js\";\nimport { own } from \"./own.js\";\n\
             export const one = [a, both, own];\nconst again = async () => await import(\"./two.js\");\n",
        ),
        (
            "js/views/two.js",
            "import { both } from \"../both.js\";\nexport const two = both;\n",
        ),
    ]))
    .unwrap();
    assert_eq!(
        packed.keys().collect::<Vec<_>>(),
        ["js/main.js", "js/views/one.js", "js/views/two.js"]
    );
    let main = &packed["js/main.js"];
    assert!(main.contains("const $1 = (() => {\nconst both"), "{main}");
    assert!(
        main.contains("await import(\"./../js/views/one.js\")"),
        "{main}"
    );
    assert!(main.ends_with("export { $0, $1 };\n"), "{main}");
    let one = &packed["js/views/one.js"];
    assert!(
        one.starts_with(
            "import { $0, $1 } from \"./../../js/main.js\";\nconst $4 = (() => {\nconst own"
        ),
        "{one}"
    );
    assert!(
        one.contains("await import(\"./../../js/views/two.js\")"),
        "{one}"
    );
    assert!(one.ends_with("export const { one } = $3;\n"), "{one}");
}

#[test]
fn what_it_does_not_understand_is_refused_and_named() {
    for (script, named) in [
        ("import a from \"./a.js\";", "only { names }"),
        ("import { a } from \"./a.js\"", "has no end"),
        (
            "import { b } from \"./b.js\";",
            "static/js/b.js is imported",
        ),
        ("import { b } from \"../../b.js\";", "leaves the app"),
        ("export default 1;", "only const"),
        ("export let a = 1;", "only const"),
        ("import { m } from \"./main.js\";", "import each other"),
    ] {
        let refusal = refusal(&[("js/main.js", script), ("js/a.js", "export const a = 1;")]);
        assert!(refusal.contains(named), "{script}: {refusal}");
    }
}

#[test]
fn styles_become_one_in_the_order_of_their_imports() {
    let sources = [
        ("css/a.css", "/* A. */\na { top: 0 }\n"),
        ("css/b.css", "b { top: 0 }\n"),
        (
            "css/app.css",
            "/* All. */\n@import \"./b.css\";\n@import \"./a.css\";\n",
        ),
    ];
    let packed = styles(&files(&sources)).unwrap();
    assert_eq!(
        packed,
        files(&[("css/app.css", "b { top: 0 }\na { top: 0 }\n")])
    );
    for all in ["@import \"./none.css\";", "a { top: 0 }"] {
        assert!(styles(&files(&[("css/app.css", all)])).is_err(), "{all}");
    }
}
