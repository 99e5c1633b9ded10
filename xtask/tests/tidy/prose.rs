//! What documents and data do not have: dead links, and traces of the machine that somebody worked on.

use super::source::{Offence, Source, Tree};
use std::collections::BTreeSet;

pub fn check(tree: &Tree) -> Vec<Offence> {
    let mut offences: Vec<Offence> = tree
        .files
        .iter()
        .filter(|file| file.path.ends_with(".md"))
        .flat_map(|file| links(tree, file))
        .collect();
    let traces = traces(tree);
    let others = tree.files.iter().filter(|file| !file.path.starts_with("xtask/tests/tidy/"));
    offences.extend(others.flat_map(|file| machine(file, &traces)));
    offences
}

fn links(tree: &Tree, file: &Source) -> Vec<Offence> {
    let folder = file.path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut offences = Vec::new();
    for (at, line) in file.text.lines().enumerate() {
        for (_, rest) in line.match_indices("](").map(|(at, _)| line.split_at(at + 2)) {
            let target = rest.split([')', '#', ' ']).next().unwrap_or_default();
            if target.is_empty() || target.contains("://") || target.starts_with("mailto:") {
                continue;
            }
            let path = normal(&format!("{folder}/{target}"));
            let there =
                tree.files.iter().any(|file| file.path == path || file.path.starts_with(&format!("{path}/")));
            if !there && !tree.root.join(&path).exists() {
                let say = format!("the link to `{target}` leads nowhere: there is no {path}");
                offences.push(file.offence(at + 1, "link", say));
            }
        }
    }
    offences
}

/// `a/b/../c` as `a/c`.
fn normal(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

fn machine(file: &Source, traces: &BTreeSet<String>) -> Vec<Offence> {
    let mut offences = Vec::new();
    for (at, line) in file.text.lines().enumerate() {
        if let Some(trace) = traces.iter().find(|trace| line.contains(trace.as_str())) {
            let say = format!("`{trace}` is a trace of one machine: write what holds on every one");
            offences.push(file.offence(at + 1, "machine", say));
        }
    }
    offences
}

/// Home directories, this checkout's place, and hosts that this machine's own configuration names.
fn traces(tree: &Tree) -> BTreeSet<String> {
    let mut traces = BTreeSet::from(["/home/", "/Users/", "/root/."].map(str::to_owned));
    let above = tree.root.parent().map(|parent| format!("{}/", parent.display()));
    traces.extend(above.filter(|above| above.matches('/').count() > 2));
    let home = std::env::var("HOME").unwrap_or_default();
    let files = ["/etc/apt/sources.list", "/etc/pip.conf"].map(str::to_owned).into_iter().chain([
        format!("{home}/.cargo/config.toml"),
        format!("{home}/.npmrc"),
        format!("{home}/.config/pip/pip.conf"),
    ]);
    for text in files.filter_map(|file| std::fs::read_to_string(file).ok()) {
        traces.extend(hosts(&text).filter(|host| !is_public(host)).map(str::to_owned));
    }
    traces
}

fn hosts(text: &str) -> impl Iterator<Item = &str> {
    text.match_indices("://").filter_map(|(at, _)| {
        let authority = text[at + 3..].split(['/', '"', '\'', ' ', '\n']).next()?;
        authority.rsplit('@').next()?.split(':').next().filter(|host| !host.is_empty())
    })
}

/// Hosts that everybody's configuration may name.
fn is_public(host: &str) -> bool {
    const PUBLIC: [&str; 7] = ["debian", "ubuntu", "crates", "github", "pypi", "npmjs", "rust-lang"];
    host.rsplit('.').nth(1).is_some_and(|domain| PUBLIC.contains(&domain))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn planted_links() {
        let file = |text: &str| {
            let tree = Tree::planted(&[("docs/a.md", text), ("docs/b.md", ""), ("README.md", "")]);
            check(&tree).len()
        };
        let cases = [
            ("[b](b.md)", 0),
            ("[b](b.md#part)", 0),
            ("[up](../README.md) and [folder](../docs/)", 0),
            ("[web](https://example.org/x)", 0),
            ("[here](#part)", 0),
            ("[gone](c.md)", 1),
            ("[b](b.md) [gone](../c.md)", 1),
        ];
        for (text, expected) in cases {
            assert_eq!(file(text), expected, "{text}");
        }
    }

    #[test]
    fn planted_traces() {
        let home = ["/home", "/somebody/src"].concat();
        let tree = Tree::planted(&[("x.yaml", &format!("a: 1\npath: {home}\n"))]);
        let offences = check(&tree);
        assert_eq!((offences.len(), offences[0].line, offences[0].rule), (1, 2, "machine"));
    }

    #[test]
    fn hosts_of_a_configuration() {
        let text = "deb http://user:word@mirror.example/debian x\nindex = \"sparse+https://crates.example:8443/i\"\n";
        assert_eq!(hosts(text).collect::<Vec<_>>(), ["mirror.example", "crates.example"]);
        assert!(is_public(&["mirror", "debian", "org"].join(".")) && !is_public("mirror.example"));
    }
}
