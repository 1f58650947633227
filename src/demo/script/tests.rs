//! What a script may say, and what it is told when it says something else.

use super::*;

fn scene(text: &str) -> Scene {
    let script = Script::parse(&format!("== A scene\n{text}")).unwrap();
    script.scenes.into_iter().next().unwrap()
}

fn refusal(text: &str) -> String {
    Script::parse(&format!("== A scene\n{text}"))
        .unwrap_err()
        .to_string()
}

fn say(text: &str, answers: Option<usize>, mark: Option<usize>) -> Act {
    Act::Say {
        text: text.to_owned(),
        answers,
        mark,
    }
}

#[test]
fn everything_that_can_be_done_is_read() {
    let scene = scene(
        "# a remark\n\
         Ada [a]: Hello: you\n\
         Ben [b] -> a: Two\\nlines\n\
         Ben -> b: once more\n\
         Ada + b: 👍\n\
         Ada - b: 👍\n\
         Ada = a: Hello, @{Ben}\n\
         --\n\
         Ada x a\n\
         Ben ~\n\
         Ben goes\n\
         Ben comes\n\
         Cleo comes\n",
    );
    assert_eq!(scene.roles, ["Ada", "Ben", "Cleo"]);
    assert_eq!((scene.title.as_str(), scene.marks), ("A scene", 2));
    let react = |on| Act::React {
        to: 1,
        emoji: "👍".to_owned(),
        on,
    };
    let edit = Act::Edit {
        what: 0,
        text: "Hello, @{Ben}".to_owned(),
    };
    let wanted = [
        Beat::Act(0, say("Hello: you", None, Some(0))),
        Beat::Act(1, say("Two\nlines", Some(0), Some(1))),
        Beat::Act(1, say("once more", Some(1), None)),
        Beat::Act(0, react(true)),
        Beat::Act(0, react(false)),
        Beat::Act(0, edit),
        Beat::Silence,
        Beat::Act(0, Act::Delete { what: 0 }),
        Beat::Act(1, Act::Hesitate),
        Beat::Act(1, Act::Go),
        Beat::Act(1, Act::Come),
        Beat::Act(2, Act::Come),
    ];
    assert_eq!(scene.beats, wanted);
    assert!(scene.comes_later(2) && !scene.comes_later(1));
}

#[test]
fn scenes_have_marks_and_roles_of_their_own() {
    let script = Script::parse("== One\nAda [a]: hi\n\n== Two\nBen [a]: ho\n").unwrap();
    let titles: Vec<_> = script.scenes.iter().map(|scene| &scene.title).collect();
    assert_eq!(titles, ["One", "Two"]);
    assert_eq!(script.scenes[1].roles, ["Ben"]);
}

#[test]
fn what_makes_no_sense_is_refused_with_its_line() {
    assert_eq!(
        Script::parse("Ada: hi").unwrap_err().to_string(),
        "line 1 of the script: a scene begins with == and its title"
    );
    assert!(refusal("Ada: hi\nBen -> x: what?").starts_with("line 3 "));
    for (text, why) in [
        ("Ada", "who does what"),
        ("Ada says hi", "with a colon"),
        ("Ada:", "1 to 1000 characters"),
        ("Ada ?: hi", "what is \"?\""),
        ("Ada [a]: hi\nBen = a: ho", "somebody else"),
        ("Ada [a]: hi\nAda = a: hi", "changes nothing"),
        ("Ada [a]: hi\nAda x a\nBen + a: 👍", "was deleted"),
        ("Ada [a]: hi\nBen - a: 👍", "changes nothing"),
        ("Ada [a]: hi\nBen + a: two words", "emoji"),
        ("Ada [a]: hi\nAda [a]: ho", "marked already"),
        ("Ada: hi\nAda comes", "must be away"),
        ("Ada goes\nAda: hi", "does nothing"),
        ("Ada: hi, {Ben}", "nobody in \"A scene\" is called Ben"),
    ] {
        let said = refusal(text);
        assert!(said.contains(why), "{text:?}: {said}");
    }
}

#[test]
fn names_take_the_place_of_roles_and_other_braces_stay() {
    let name_of = |role: &str| (role == "Ben").then_some("Ben 2");
    for (text, with) in [
        ("@{Ben}, hi", "@Ben 2, hi"),
        ("{Ben}{Ben}", "Ben 2Ben 2"),
        ("fn f() { {Ben} }", "fn f() { Ben 2 }"),
        ("{", "{"),
        ("{Cleo}", "{Cleo}"),
    ] {
        assert_eq!(with_names(text, name_of), with);
    }
}
