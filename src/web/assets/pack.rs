//! Packs the app into few files, because each request of a first visit costs
//! a browser more than what is in it.
//!
//! The scripts that the page needs at once become one, `js/main.js`; each one
//! that is fetched later (`await import("…")`) keeps its name and brings along
//! what only it needs. Every module stays a scope of its own, and there is one
//! of each: what two of the later ones share is in `js/main.js`. Styles that
//! `css/app.css` imports are put into it.
//!
//! It understands the few forms of import and export that our scripts have,
//! and refuses others.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use anyhow::{Context, bail};

use super::shrink::shrink;

const MAIN: &str = "js/main.js";
const STYLES: &str = "css/app.css";
const LATER: &str = "await import(\"";

type Files = BTreeMap<String, String>;

/// One script.
#[derive(Debug)]
struct Module {
    imports: Vec<Import>,
    /// What it fetches when it needs it.
    later: Vec<String>,
    exports: Vec<String>,
    /// Without imports and the word `export`.
    body: String,
}

#[derive(Debug)]
struct Import {
    /// What stands before `from`, as a pattern of an assignment.
    names: String,
    path: String,
}

/// Turns the scripts of the source into those that are sent.
pub(super) fn scripts(sources: &Files) -> anyhow::Result<Files> {
    if !sources.contains_key(MAIN) {
        return Ok(sources.clone());
    }
    let modules = sources
        .iter()
        .map(|(path, text)| {
            let module = parse(path, text).with_context(|| format!("static/{path}"))?;
            Ok((path.clone(), module))
        })
        .collect::<anyhow::Result<BTreeMap<_, _>>>()?;
    let mut main = Vec::new();
    collect(MAIN, &modules, &mut main, &mut Vec::new())?;
    let later = later(&modules, &main)?;
    // Each module exists once: what several of the later ones need comes first.
    let mut wanted = BTreeMap::<&String, usize>::new();
    for path in later.values().flatten() {
        *wanted.entry(path).or_default() += 1;
    }
    let entry = main.pop();
    for path in later.values().flatten() {
        if wanted.get(path).is_some_and(|count| *count > 1) && !main.contains(path) {
            main.push(path.clone());
        }
    }
    main.extend(entry);
    Packer {
        modules: &modules,
        ids: modules.keys().zip(0..).collect(),
    }
    .pack(&main, &later)
}

/// The styles as they are sent.
pub(super) fn styles(sources: &Files) -> anyhow::Result<Files> {
    let Some(all) = sources.get(STYLES) else {
        return Ok(sources.clone());
    };
    let mut packed = String::new();
    for line in shrink(all).lines() {
        let Some(name) = between(line, "@import \"./", "\";") else {
            bail!("static/{STYLES} only imports, as in @import \"./base.css\"; and not {line}");
        };
        let text = sources
            .get(&format!("css/{name}"))
            .with_context(|| format!("static/{STYLES} imports {name}, which is not there"))?;
        packed.push_str(&shrink(text));
    }
    Ok(Files::from([(STYLES.to_owned(), packed)]))
}

fn parse(path: &str, text: &str) -> anyhow::Result<Module> {
    let mut module = Module {
        imports: Vec::new(),
        later: Vec::new(),
        exports: Vec::new(),
        body: String::new(),
    };
    let text = shrink(text);
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if line.starts_with("import ") {
            let mut statement = line.to_owned();
            while !statement.ends_with(';') {
                let more = lines.next().context("an import has no end")?;
                statement.push_str(more.trim());
            }
            module.imports.push(parse_import(path, &statement)?);
            continue;
        }
        let mut line = line;
        if let Some(rest) = line.strip_prefix("export ") {
            module.exports.push(exported(rest)?);
            line = rest;
        }
        let mut rest = line;
        while let Some((_, after)) = rest.split_once(LATER) {
            let (target, after) = after.split_once('"').context("an import has no end")?;
            module.later.push(resolve(path, target)?);
            rest = after;
        }
        module.body.push_str(line);
        module.body.push('\n');
    }
    Ok(module)
}

fn parse_import(path: &str, statement: &str) -> anyhow::Result<Import> {
    let names = between(statement, "import ", " from \"")
        .with_context(|| format!("this import names nothing: {statement}"))?;
    let target = between(statement, " from \"", "\";")
        .with_context(|| format!("this import comes from nowhere: {statement}"))?;
    let is_list = names.starts_with('{') && names.ends_with('}');
    let names = match names.strip_prefix("* as ") {
        Some(name) => name.to_owned(),
        None if is_list => names.replace(" as ", ": "),
        None => bail!("only {{ names }} and * can be imported: {statement}"),
    };
    Ok(Import {
        names,
        path: resolve(path, target)?,
    })
}

/// The name that a declaration after `export` gives.
fn exported(declaration: &str) -> anyhow::Result<String> {
    let rest = declaration.strip_prefix("async ").unwrap_or(declaration);
    for kind in ["const ", "function ", "class "] {
        let Some(rest) = rest.strip_prefix(kind) else {
            continue;
        };
        let is_name = |c: &char| c.is_alphanumeric() || *c == '_';
        let name: String = rest.chars().take_while(is_name).collect();
        if !name.is_empty() {
            return Ok(name);
        }
    }
    bail!("only const, function and class with a name can be exported: {declaration}")
}

/// The path that a relative address in a script of this path means.
fn resolve(from: &str, target: &str) -> anyhow::Result<String> {
    let mut folders: Vec<_> = from.split('/').collect();
    folders.pop();
    for part in target.split('/') {
        match part {
            "." => {}
            ".." => {
                folders.pop().context("an import leaves the app")?;
            }
            name => folders.push(name),
        }
    }
    Ok(folders.join("/"))
}

/// All that a module imports, then itself, in the order in which they have to
/// run.
fn collect(
    path: &str,
    modules: &BTreeMap<String, Module>,
    found: &mut Vec<String>,
    open: &mut Vec<String>,
) -> anyhow::Result<()> {
    if found.iter().any(|known| known == path) {
        return Ok(());
    }
    if open.iter().any(|known| known == path) {
        bail!("these scripts import each other: {}", open.join(", "));
    }
    let module = modules
        .get(path)
        .with_context(|| format!("static/{path} is imported and not there"))?;
    open.push(path.to_owned());
    for import in &module.imports {
        collect(&import.path, modules, found, open)?;
    }
    open.pop();
    found.push(path.to_owned());
    Ok(())
}

/// For each script that is fetched later, what it needs beside `main`.
fn later(
    modules: &BTreeMap<String, Module>,
    main: &[String],
) -> anyhow::Result<BTreeMap<String, Vec<String>>> {
    let mut found = BTreeMap::new();
    let mut waiting: BTreeSet<_> = main.iter().flat_map(|path| &modules[path].later).collect();
    while let Some(root) = waiting.pop_first() {
        if found.contains_key(root) {
            continue;
        }
        let mut needed = Vec::new();
        collect(root, modules, &mut needed, &mut Vec::new())?;
        needed.retain(|path| !main.contains(path));
        waiting.extend(needed.iter().flat_map(|path| &modules[path].later));
        found.insert(root.clone(), needed);
    }
    Ok(found)
}

/// Writes the packed scripts.
struct Packer<'a> {
    modules: &'a BTreeMap<String, Module>,
    ids: BTreeMap<&'a String, usize>,
}

impl Packer<'_> {
    fn pack(
        &self,
        main: &[String],
        later: &BTreeMap<String, Vec<String>>,
    ) -> anyhow::Result<Files> {
        let mut files = Files::new();
        let mut used = BTreeSet::new();
        for (root, needed) in later {
            let own: Vec<_> = needed.iter().filter(|path| !main.contains(path)).collect();
            let imports = own.iter().flat_map(|path| &self.modules[*path].imports);
            let mut shared: BTreeSet<_> = imports.map(|import| &import.path).collect();
            shared.insert(root);
            shared.retain(|path| main.contains(path));
            let mut text = String::new();
            if !shared.is_empty() {
                let main = address(root, MAIN);
                writeln!(text, "import {{ {} }} from \"{main}\";", self.list(&shared))?;
            }
            for path in own {
                self.write_scope(&mut text, path, root)?;
            }
            let exports = self.modules[root].exports.join(", ");
            writeln!(text, "export const {{ {exports} }} = {};", self.name(root))?;
            used.extend(shared);
            files.insert(root.clone(), text);
        }
        let mut text = String::new();
        let (entry, before) = main.split_last().context("nothing to pack")?;
        for path in before {
            self.write_scope(&mut text, path, MAIN)?;
        }
        self.write_body(&mut text, entry, MAIN)?;
        if !used.is_empty() {
            writeln!(text, "export {{ {} }};", self.list(&used))?;
        }
        files.insert(MAIN.to_owned(), text);
        Ok(files)
    }

    /// What a module is called in a packed script: no name of ours has a `$`.
    fn name(&self, path: &String) -> String {
        format!("${}", self.ids.get(path).copied().unwrap_or_default())
    }

    fn list(&self, paths: &BTreeSet<&String>) -> String {
        let names: Vec<_> = paths.iter().map(|path| self.name(path)).collect();
        names.join(", ")
    }

    /// A module of this path, into the script of that name.
    fn write_scope(&self, text: &mut String, path: &String, into: &str) -> anyhow::Result<()> {
        writeln!(text, "const {} = (() => {{", self.name(path))?;
        self.write_body(text, path, into)?;
        let exports = self.modules[path].exports.join(", ");
        writeln!(text, "return {{ {exports} }};\n}})();")?;
        Ok(())
    }

    fn write_body(&self, text: &mut String, path: &String, into: &str) -> anyhow::Result<()> {
        let module = &self.modules[path];
        for Import { names, path } in &module.imports {
            writeln!(text, "const {names} = {};", self.name(path))?;
        }
        // An address counts from the script it stands in, which may be another one now.
        let mut body = module.body.as_str();
        for target in &module.later {
            let (before, after) = body.split_once(LATER).context("an import got lost")?;
            let (_, after) = after.split_once('"').context("an import got lost")?;
            write!(text, "{before}{LATER}{}\"", address(into, target))?;
            body = after;
        }
        text.push_str(body);
        Ok(())
    }
}

/// How a script of one path names another one.
fn address(from: &str, to: &str) -> String {
    format!("./{}{to}", "../".repeat(from.matches('/').count()))
}

fn between<'a>(text: &'a str, start: &str, end: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(start)?;
    let (found, _) = rest.split_once(end)?;
    Some(found)
}

#[cfg(test)]
mod tests;
