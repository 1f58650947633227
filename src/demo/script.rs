//! A script: scenes, and in each of them who says and does what. Pure text, as
//! people write it:
//!
//! ```text
//! == A scene
//! Ada [hello]: Good morning, @{Ben}
//! Ben -> hello: Morning! This answers what was marked as hello
//! Ben + hello: 👍
//! Ben - hello: 👍
//! Ada = hello: Good morning, written anew
//! Ada x hello
//! Ada ~
//! Ada goes
//! Ada comes
//! --
//! # a remark
//! ```
//!
//! `~` is somebody who types and thinks better of it, `--` is a silence. In a
//! text, `{Ben}` is whoever plays Ben, and `\n` a new line.

mod reading;

use self::reading::Reading;

/// The longest text of a script, in characters.
const LONGEST: usize = 1_000;

/// All scenes of a script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Script {
    pub(super) scenes: Vec<Scene>,
}

/// A conversation that stands for itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Scene {
    pub(super) title: String,
    /// Whose names the script uses. Others may play them.
    pub(super) roles: Vec<String>,
    pub(super) beats: Vec<Beat>,
    /// How many things are marked.
    pub(super) marks: usize,
}

/// One thing that happens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Beat {
    /// Nobody says anything.
    Silence,
    /// A role does something.
    Act(usize, Act),
}

/// What a role does. Marks are numbers of things said earlier in the scene.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Act {
    Say {
        text: String,
        answers: Option<usize>,
        mark: Option<usize>,
    },
    React {
        to: usize,
        emoji: String,
        on: bool,
    },
    Edit {
        what: usize,
        text: String,
    },
    Delete {
        what: usize,
    },
    /// Types, and thinks better of it.
    Hesitate,
    Come,
    Go,
}

/// A line of a script that is not understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line} of the script: {why}")]
pub struct ScriptError {
    line: usize,
    why: String,
}

impl Script {
    /// Reads a script.
    pub fn parse(text: &str) -> Result<Self, ScriptError> {
        let mut scenes: Vec<Reading> = Vec::new();
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            if let Some(title) = line.strip_prefix("==") {
                scenes.push(Reading::titled(title.trim(), index + 1));
                continue;
            }
            let reading = scenes.last_mut();
            let read = reading.map_or_else(
                || Err("a scene begins with == and its title".to_owned()),
                |reading| reading.line(line),
            );
            read.map_err(|why| ScriptError {
                line: index + 1,
                why,
            })?;
        }
        let scenes = scenes.into_iter().map(Reading::finish);
        Ok(Self {
            scenes: scenes.collect::<Result<_, _>>()?,
        })
    }
}

impl Scene {
    /// All that is said, and by which role.
    pub(super) fn texts(&self) -> impl Iterator<Item = (usize, &str)> {
        self.beats.iter().filter_map(|beat| match beat {
            Beat::Act(role, Act::Say { text, .. } | Act::Edit { text, .. }) => {
                Some((*role, text.as_str()))
            }
            _ => None,
        })
    }

    /// Whether a role comes in only in the course of the scene.
    pub(super) fn comes_later(&self, role: usize) -> bool {
        let mut acts = self.beats.iter().filter_map(|beat| match beat {
            Beat::Act(who, act) if *who == role => Some(act),
            _ => None,
        });
        acts.next() == Some(&Act::Come)
    }
}

/// The names in braces.
fn names(text: &str) -> impl Iterator<Item = &str> {
    text.split('{').skip(1).filter_map(|rest| {
        let (name, _) = rest.split_once('}')?;
        name.chars().all(char::is_alphabetic).then_some(name)
    })
}

/// Puts the names of those who play into a text.
pub(super) fn with_names<'a>(text: &str, name_of: impl Fn(&str) -> Option<&'a str>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find('{') {
        let (before, inside) = rest.split_at(start);
        out.push_str(before);
        let found = inside[1..].split_once('}');
        if let Some((name, after)) = found.and_then(|(name, after)| Some((name_of(name)?, after))) {
            out.push_str(name);
            rest = after;
        } else {
            out.push('{');
            rest = &inside[1..];
        }
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests;
