//! Where a tree's Kconfig files define a symbol, and what they say it depends on: for messages.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// The first place that defines a symbol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Definition {
    /// `net/Kconfig:12`
    pub place: String,
    /// Its own `depends on` lines; those of menus around it are not known.
    pub depends: Vec<String>,
    /// Whether a user can choose it.
    pub prompt: bool,
}

/// The definitions of `symbols` in `tree`. What cannot be read is passed over.
pub(super) fn find<'a>(tree: &Path, symbols: impl Iterator<Item = &'a str>) -> BTreeMap<String, Definition> {
    let wanted: Vec<&str> = symbols.collect();
    let mut found = BTreeMap::new();
    walk(tree, &mut |path| {
        let Ok(text) = fs::read_to_string(path) else { return };
        let shown = path.strip_prefix(tree).unwrap_or(path).display().to_string();
        scan(&shown, &text, &wanted, &mut found);
    });
    found
}

fn walk(dir: &Path, visit: &mut impl FnMut(&Path)) {
    let mut entries: Vec<_> = fs::read_dir(dir).into_iter().flatten().flatten().collect();
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => walk(&entry.path(), visit),
            Ok(kind) if kind.is_file() && (name.starts_with("Kconfig") || name == "Config.in") => {
                visit(&entry.path());
            }
            _ => {}
        }
    }
}

fn scan(shown: &str, text: &str, wanted: &[&str], found: &mut BTreeMap<String, Definition>) {
    let mut lines = text.lines().enumerate().peekable();
    while let Some((index, line)) = lines.next() {
        let keyword = line.strip_prefix("config ").or_else(|| line.strip_prefix("menuconfig "));
        let Some(symbol) = keyword.map(str::trim).filter(|symbol| wanted.contains(symbol)) else { continue };
        let mut definition =
            Definition { place: format!("{shown}:{}", index + 1), depends: Vec::new(), prompt: false };
        while let Some((_, line)) =
            lines.next_if(|(_, line)| line.starts_with([' ', '\t']) || line.is_empty())
        {
            let line = line.trim();
            if line == "help" || line == "---help---" {
                break;
            }
            if let Some(condition) = line.strip_prefix("depends on ") {
                definition.depends.push(condition.to_owned());
            }
            definition.prompt |= line.contains('"');
        }
        found.entry(symbol.to_owned()).or_insert(definition);
    }
}
