//! The package archives that this host's apt knows, as entries for source packages of other suites.
//!
//! Both notations of apt's source lists are read (sources.list(5)). Of an entry are kept its
//! mirrors, its key and its date checks; whatever would have apt trust an unsigned archive is not.

use std::collections::BTreeSet;
use std::fmt::Write as _;

/// One entry of a source list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entry {
    uris: Vec<String>,
    suites: Vec<String>,
    components: Vec<String>,
    /// Fields that go on unchanged, values with their continuation lines.
    kept: Vec<(&'static str, String)>,
}

/// Which part of a distribution's archive a suite is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Release,
    Security,
}

/// Fields that say how an archive is checked, in both notations (case aside).
const KEPT: [&str; 6] =
    ["Signed-By", "Check-Valid-Until", "Valid-Until-Max", "Check-Date", "Date-Max-Future", "By-Hash"];

/// Reads a file in the notation of `*.sources`: stanzas of fields.
#[must_use]
pub fn parse_sources(text: &str) -> Vec<Entry> {
    let mut entries = Vec::new();
    let mut fields: Vec<(String, String)> = Vec::new();
    for line in text.lines().chain([""]) {
        if line.starts_with('#') {
            continue; // anywhere, also between the lines of one field
        }
        if line.trim().is_empty() {
            entries.extend(stanza(&std::mem::take(&mut fields)));
        } else if line.starts_with([' ', '\t']) {
            if let Some((_, value)) = fields.last_mut() {
                value.push('\n');
                value.push_str(line);
            }
        } else if let Some((name, value)) = line.split_once(':') {
            fields.push((name.trim().to_lowercase(), value.trim().to_owned()));
        }
    }
    entries
}

/// Reads a file in the notation of `*.list`: `deb [option=value …] URI SUITE COMPONENT…`.
#[must_use]
pub fn parse_list(text: &str) -> Vec<Entry> {
    text.lines().filter_map(one_line).collect()
}

/// The entries, in the notation of `*.sources`, that have source packages of `suites` (such as
/// `trixie`, `trixie-security`) from the archives of `entries`. `own` is the host's own release.
#[must_use]
pub fn rewrite(entries: &[Entry], own: &str, suites: &[String]) -> String {
    let mut stanzas = BTreeSet::new();
    for entry in entries.iter().filter(|entry| entry.components.iter().any(|c| c == "main")) {
        let kinds: Vec<Kind> =
            entry.suites.iter().filter_map(|suite| host_kind(suite, own, suites)).collect();
        let wanted: Vec<&str> =
            suites.iter().filter(|suite| kinds.contains(&kind(suite))).map(String::as_str).collect();
        if wanted.is_empty() {
            continue;
        }
        let (uris, wanted) = (entry.uris.join(" "), wanted.join(" "));
        let mut stanza = format!("Types: deb-src\nURIs: {uris}\nSuites: {wanted}\nComponents: main\n");
        for (name, value) in &entry.kept {
            let _ = writeln!(stanza, "{name}: {value}"); // writing to a String cannot fail
        }
        stanzas.insert(stanza);
    }
    stanzas.into_iter().collect::<Vec<_>>().join("\n")
}

/// What a suite of the host's is, if it belongs to the distribution itself: other archives call
/// their suites `stable` or by the release's name too, but then apt fails to find ours there.
fn host_kind(suite: &str, own: &str, wanted: &[String]) -> Option<Kind> {
    let release = suite.strip_suffix("-security").unwrap_or(suite);
    let alias = ["stable", "oldstable", "testing", "unstable", "sid"].contains(&release);
    (alias || release == own || wanted.iter().any(|w| w == release)).then(|| kind(suite))
}

fn kind(suite: &str) -> Kind {
    if suite.ends_with("-security") { Kind::Security } else { Kind::Release }
}

fn stanza(fields: &[(String, String)]) -> Option<Entry> {
    let field = |name: &str| fields.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str());
    let words =
        |name: &str| field(name).unwrap_or_default().split_whitespace().map(ToOwned::to_owned).collect();
    let types: Vec<String> = words("types");
    let off = field("enabled")
        .is_some_and(|value| ["no", "false", "0", "off", "without", "disable"].contains(&value));
    if off || !types.iter().any(|t| t == "deb" || t == "deb-src") {
        return None;
    }
    let kept =
        KEPT.iter().filter_map(|&name| Some((name, field(&name.to_lowercase())?.to_owned()))).collect();
    Some(Entry { uris: words("uris"), suites: words("suites"), components: words("components"), kept })
}

fn one_line(line: &str) -> Option<Entry> {
    let line = line.split('#').next().unwrap_or_default().trim();
    let rest = line.strip_prefix("deb-src").or_else(|| line.strip_prefix("deb"))?;
    let rest = rest.strip_prefix([' ', '\t'])?.trim_start();
    let (options, rest) = match rest.strip_prefix('[') {
        Some(rest) => rest.split_once(']')?,
        None => ("", rest),
    };
    let mut words = rest.split_whitespace().map(ToOwned::to_owned);
    let (uri, suite) = (words.next()?, words.next()?);
    let kept = options.split_whitespace().filter_map(|option| {
        let (name, value) = option.split_once('=')?;
        let name = KEPT.into_iter().find(|kept| kept.eq_ignore_ascii_case(name))?;
        Some((name, value.replace(',', " ")))
    });
    Some(Entry { uris: vec![uri], suites: vec![suite], components: words.collect(), kept: kept.collect() })
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONTAINER: &str = "\
Types: deb
# where it was taken from
URIs: http://m.example/debian
Suites: bookworm bookworm-updates
Components: main
Signed-By: /usr/share/keyrings/k.gpg

Types: deb
URIs: http://m.example/debian-security
Suites: bookworm-security
Components: main
Signed-By: /usr/share/keyrings/k.gpg
";

    const BOTH: &str = "\
Types: deb-src
URIs: http://m.example/debian
Suites: trixie
Components: main
Signed-By: /usr/share/keyrings/k.gpg

Types: deb-src
URIs: http://m.example/debian-security
Suites: trixie-security
Components: main
Signed-By: /usr/share/keyrings/k.gpg
";

    fn derived(entries: &[Entry]) -> String {
        rewrite(entries, "bookworm", &["trixie".to_owned(), "trixie-security".to_owned()])
    }

    #[test]
    fn both_notations_mean_the_same() {
        let list = "\
# Debian
deb [arch=amd64 signed-by=/usr/share/keyrings/k.gpg] http://m.example/debian bookworm main contrib # ours
deb-src [ signed-by=/usr/share/keyrings/k.gpg ] http://m.example/debian bookworm main
deb [signed-by=/usr/share/keyrings/k.gpg]\thttp://m.example/debian-security\tbookworm-security main
deb http://m.example/debian bookworm-updates main
# deb http://off.example/debian bookworm main
";
        assert_eq!(derived(&parse_sources(CONTAINER)), BOTH);
        assert_eq!(derived(&parse_list(list)), BOTH);
    }

    #[test]
    fn a_host_that_has_the_suite_already_keeps_it() {
        let newer = CONTAINER.replace("bookworm", "trixie");
        assert_eq!(
            rewrite(&parse_sources(&newer), "trixie", &["trixie".into(), "trixie-security".into()]),
            BOTH
        );
    }

    #[test]
    fn several_mirrors_and_an_inline_key_go_on() {
        let text = "types: deb deb-src\nuris: mirror+file:/etc/m.list\n  https://b.example/debian/\n\
                    suites: bookworm\ncomponents: main non-free\nsigned-by:\n -----BEGIN\n .\n# aside\n AbCd\n -----END\n";
        let expected = "Types: deb-src\nURIs: mirror+file:/etc/m.list https://b.example/debian/\nSuites: trixie\n\
                        Components: main\nSigned-By: \n -----BEGIN\n .\n AbCd\n -----END\n";
        assert_eq!(derived(&parse_sources(text)), expected);
    }

    #[test]
    fn what_does_not_belong_is_left_out() {
        let cases = [
            ("switched off", "Types: deb\nURIs: http://a\nSuites: bookworm\nComponents: main\nEnabled: no\n"),
            ("another project's", "Types: deb\nURIs: http://a\nSuites: nodistro\nComponents: main\n"),
            ("another component", "Types: deb\nURIs: http://a\nSuites: bookworm\nComponents: stable\n"),
            ("no packages", "Types: other\nURIs: http://a\nSuites: bookworm\nComponents: main\n"),
            ("a flat archive", "Types: deb\nURIs: http://a\nSuites: ./\n"),
            ("empty", "\n\n# nothing\n"),
        ];
        for (name, text) in cases {
            assert_eq!(derived(&parse_sources(text)), "", "{name}");
        }
        for line in
            ["deb http://a ./", "debian http://a bookworm main", "deb cdrom:[Debian 12]/ bookworm", "deb"]
        {
            assert_eq!(derived(&parse_list(line)), "", "{line}");
        }
    }

    #[test]
    fn trust_without_signatures_is_not_taken_over() {
        let sources = "Types: deb\nURIs: http://a\nSuites: bookworm\nComponents: main\nTrusted: yes\nCheck-Valid-Until: no\n";
        let list = "deb [trusted=yes check-valid-until=no allow-insecure=yes] http://a bookworm main";
        let expected =
            "Types: deb-src\nURIs: http://a\nSuites: trixie\nComponents: main\nCheck-Valid-Until: no\n";
        assert_eq!(derived(&parse_sources(sources)), expected);
        assert_eq!(derived(&parse_list(list)), expected);
    }
}
