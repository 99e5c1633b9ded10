//! Asked against got: a symbol that Kconfig dropped or changed is an error with its reason.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Result, bail};

use super::definition::{Definition, find};
use super::fragment::{Request, Requests, parse};

/// Sees to it that `resolved`, the text of a `.config`, has what `requests` asked for. `tree` is the source
/// tree whose Kconfig files can say why not.
///
/// # Errors
/// Each request that was not met, with fragment, line, what came out instead, and what the symbol
/// depends on.
pub fn check(requests: &Requests, resolved: &str, tree: &Path) -> Result<()> {
    let unmet = unmet(requests, resolved);
    if unmet.is_empty() {
        return Ok(());
    }
    let definitions = find(tree, unmet.iter().map(|(request, _)| request.symbol.as_str()));
    let mut text = String::new();
    for (request, got) in &unmet {
        let reason = reason(definitions.get(&request.symbol));
        let _ = write!(text, "\n  {request}\n    got {got}; {reason}"); // cannot fail
    }
    bail!("Kconfig did not take what the fragments ask for:{text}")
}

/// What was asked for and is not there, with what is.
fn unmet<'a>(requests: &'a Requests, resolved: &str) -> Vec<(&'a Request, String)> {
    let settings = resolved.lines().filter_map(|line| parse(line).ok().flatten());
    let settings: BTreeMap<&str, &str> = settings.collect();
    requests
        .iter()
        .filter_map(|request| {
            let got = settings.get(request.symbol.as_str()).copied();
            (got.unwrap_or("n") != request.value).then(|| {
                let got =
                    got.map_or("nothing".to_owned(), |value| format!("CONFIG_{}={value}", request.symbol));
                (request, got)
            })
        })
        .collect()
}

fn reason(definition: Option<&Definition>) -> String {
    match definition {
        None => "there is no such symbol (misspelt, or gone from this version)".to_owned(),
        Some(Definition { place, depends, .. }) if !depends.is_empty() => {
            format!("{place} says it depends on {}", depends.join(", and on "))
        }
        Some(Definition { place, prompt: true, .. }) => {
            format!("{place}: a menu, choice or `if` around it is off, or something selects it")
        }
        Some(Definition { place, .. }) => format!("{place}: it cannot be chosen, only selected by others"),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::Fragment;
    use super::*;

    const KCONFIG: &str = "config NET_A\n\tbool \"a\"\n\tdepends on PCI\n\tdepends on INET || IPV6\n\thelp\n\t  depends on nothing\n\n\
                           config HIDDEN\n\tbool\n\nmenuconfig SHOWN\n\tbool \"shown\"\n";

    fn tree() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("net")).unwrap();
        fs::write(dir.path().join("net/Kconfig"), KCONFIG).unwrap();
        dir
    }

    fn message(asked: &str, resolved: &str) -> Option<String> {
        let fragment = Fragment { name: "f".to_owned(), text: asked.to_owned() };
        let requests = Requests::merge(&[fragment]).unwrap();
        check(&requests, resolved, tree().path()).err().map(|error| error.to_string())
    }

    #[test]
    fn met() {
        let cases = [
            ("as asked", "CONFIG_A=y\nCONFIG_B=3", "CONFIG_A=y\nCONFIG_B=3\n"),
            ("off and unmentioned", "CONFIG_A=n", ""),
            ("off and said so", "CONFIG_A=n", "# CONFIG_A is not set\n"),
        ];
        for (name, asked, resolved) in cases {
            assert_eq!(message(asked, resolved), None, "{name}");
        }
    }

    #[test]
    fn unmet_with_the_reason() {
        let cases = [
            (
                "dependency",
                "CONFIG_NET_A=y",
                "",
                "f:1: CONFIG_NET_A=y\n    got nothing; net/Kconfig:1 says it depends on PCI, and on INET || IPV6",
            ),
            ("unknown", "CONFIG_NET_AA=y", "", "got nothing; there is no such symbol"),
            ("not selectable", "CONFIG_HIDDEN=y", "", "net/Kconfig:8: it cannot be chosen"),
            (
                "selected by another",
                "CONFIG_SHOWN=n",
                "CONFIG_SHOWN=y\n",
                "got CONFIG_SHOWN=y; net/Kconfig:11: a menu",
            ),
            ("another value", "CONFIG_SHOWN=m", "CONFIG_SHOWN=y\n", "got CONFIG_SHOWN=y"),
        ];
        for (name, asked, resolved, expected) in cases {
            let message = message(asked, resolved).unwrap_or_default();
            assert!(message.contains(expected), "{name}: {message}");
        }
    }
}
