//! Reading a scene line by line, and what is wrong with a line that makes no
//! sense.

use std::collections::{HashMap, HashSet};

use crate::protocol::emoji::Emoji;

use super::{Act, Beat, LONGEST, Scene, ScriptError, names};

/// A scene that is being read.
#[derive(Default)]
pub(super) struct Reading {
    begins: usize,
    scene: Scene,
    marks: HashMap<String, usize>,
    /// What stands at each mark: who said it, its text, whether it is there.
    said: Vec<(usize, String, bool)>,
    reactions: HashSet<(usize, usize, String)>,
    away: HashSet<usize>,
}

/// What was read, or why it was not.
type Read<T> = Result<T, String>;

impl Reading {
    /// A scene that begins in a line with its title.
    pub(super) fn titled(title: &str, line: usize) -> Self {
        let mut reading = Self {
            begins: line,
            ..Self::default()
        };
        title.clone_into(&mut reading.scene.title);
        reading
    }

    /// The scene, once all its lines are read.
    pub(super) fn finish(mut self) -> Result<Scene, ScriptError> {
        self.scene.marks = self.said.len();
        let scene = &self.scene;
        for (_, text) in scene.texts() {
            for name in names(text) {
                if !scene.roles.iter().any(|role| role == name) {
                    return Err(ScriptError {
                        line: self.begins,
                        why: format!("nobody in {:?} is called {name}", scene.title),
                    });
                }
            }
        }
        Ok(self.scene)
    }

    /// Reads one more line.
    pub(super) fn line(&mut self, line: &str) -> Read<()> {
        if line == "--" {
            self.scene.beats.push(Beat::Silence);
            return Ok(());
        }
        let end = line.find(|c: char| c.is_whitespace() || c == ':');
        let (name, rest) = line.split_at(end.ok_or("who does what?")?);
        let role = self.role(name);
        let act = self.act(role, rest.trim_start())?;
        self.scene.beats.push(Beat::Act(role, act));
        Ok(())
    }

    fn role(&mut self, name: &str) -> usize {
        let roles = &mut self.scene.roles;
        roles
            .iter()
            .position(|role| role == name)
            .unwrap_or_else(|| {
                roles.push(name.to_owned());
                roles.len() - 1
            })
    }

    fn act(&mut self, role: usize, rest: &str) -> Read<Act> {
        let acted_before = |beat: &Beat| matches!(beat, Beat::Act(other, _) if *other == role);
        match rest {
            "comes" => {
                let is_first = !self.scene.beats.iter().any(acted_before);
                let was_away = self.away.remove(&role);
                return if is_first || was_away {
                    Ok(Act::Come)
                } else {
                    Err("whoever comes must be away".to_owned())
                };
            }
            "goes" if self.away.insert(role) => return Ok(Act::Go),
            _ if self.away.contains(&role) => {
                return Err("whoever is away does nothing".to_owned());
            }
            "~" => return Ok(Act::Hesitate),
            _ => {}
        }
        if let Some(what) = rest.strip_prefix("x ") {
            let what = self.own(role, what)?;
            self.said[what].2 = false;
            return Ok(Act::Delete { what });
        }
        let (head, text) = rest
            .split_once(':')
            .ok_or("say it with a colon: Ada: hello")?;
        let text = text.trim().replace("\\n", "\n");
        if text.is_empty() || text.chars().count() > LONGEST {
            return Err(format!("a text has 1 to {LONGEST} characters"));
        }
        let head = head.trim();
        if let Some(what) = head.strip_prefix("= ") {
            let what = self.own(role, what)?;
            if self.said[what].1 == text {
                return Err("an edit that changes nothing".to_owned());
            }
            self.said[what].1.clone_from(&text);
            return Ok(Act::Edit { what, text });
        }
        if let Some(to) = head.strip_prefix("+ ") {
            return self.react(role, to, text, true);
        }
        if let Some(to) = head.strip_prefix("- ") {
            return self.react(role, to, text, false);
        }
        self.say(role, head, text)
    }

    /// `[mark] -> other`, each of them optional.
    fn say(&mut self, role: usize, head: &str, text: String) -> Read<Act> {
        let (label, answers) = head.split_once("->").unwrap_or((head, ""));
        let (label, answers) = (label.trim(), answers.trim());
        let answers = match answers {
            "" => None,
            other => Some(self.known(other)?),
        };
        let mark = match label {
            "" => None,
            label => {
                let inner = label
                    .strip_prefix('[')
                    .and_then(|rest| rest.strip_suffix(']'));
                let inner = inner.ok_or_else(|| format!("what is {label:?}?"))?;
                let number = self.said.len();
                if self.marks.insert(inner.to_owned(), number).is_some() {
                    return Err(format!("{inner} is marked already"));
                }
                self.said.push((role, text.clone(), true));
                Some(number)
            }
        };
        Ok(Act::Say {
            text,
            answers,
            mark,
        })
    }

    fn react(&mut self, role: usize, to: &str, emoji: String, on: bool) -> Read<Act> {
        let to = self.known(to)?;
        emoji.parse::<Emoji>().map_err(|error| error.to_string())?;
        let reaction = (role, to, emoji.clone());
        let makes_a_difference = if on {
            self.reactions.insert(reaction)
        } else {
            self.reactions.remove(&reaction)
        };
        if makes_a_difference {
            Ok(Act::React { to, emoji, on })
        } else {
            Err("a reaction that changes nothing".to_owned())
        }
    }

    /// What is marked, and is still there.
    fn known(&self, mark: &str) -> Read<usize> {
        let mark = mark.trim();
        let number = self.marks.get(mark).copied();
        let number = number.ok_or_else(|| format!("nothing is marked as {mark}"))?;
        if self.said[number].2 {
            Ok(number)
        } else {
            Err(format!("{mark} was deleted"))
        }
    }

    /// The same, said by this role.
    fn own(&self, role: usize, mark: &str) -> Read<usize> {
        let number = self.known(mark)?;
        if self.said[number].0 == role {
            Ok(number)
        } else {
            Err(format!("{mark} was said by somebody else"))
        }
    }
}
