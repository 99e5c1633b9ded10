//! One file of asked-for symbols, and several of them merged: the later overrules the earlier.

use std::fmt::{self, Write as _};
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, bail};

use crate::context::Paths;

/// The text of one fragment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fragment {
    /// The file as a user would write it: `kernel/base.config`.
    pub name: String,
    /// What it says.
    pub text: String,
}

/// One symbol that a fragment asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Without `CONFIG_`.
    pub symbol: String,
    /// `y`, `m`, `n`, a number, or a quoted string.
    pub value: String,
    /// The fragment's name.
    pub fragment: String,
    /// The line in it, from 1.
    pub line: usize,
}

/// Everything that is asked for, each symbol once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Requests(Vec<Request>);

impl Fragment {
    /// Reads `folder/name.config`, the product's own or Linnet's.
    ///
    /// # Errors
    /// There is none, or it cannot be read.
    pub fn load(paths: &Paths, folder: &str, name: &str) -> Result<Self> {
        let file = format!("{name}.config");
        let Some(path) = paths.data_file(folder, &file) else {
            let dirs = paths.data_dirs(folder);
            let places: Vec<String> = dirs.iter().map(|dir| paths.show(dir)).collect();
            bail!("there is no fragment `{file}` in {}{}", places.join(" or "), offer(&dirs));
        };
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        Ok(Self { name: paths.show(&path), text })
    }

    /// What the features of our stack that the profile called `profile` selects ask for: `CONFIG_LINNET_X` each,
    /// for C's half of what Cargo's feature `x` is to Rust's.
    #[must_use]
    pub fn of_features(profile: &str, features: &[String]) -> Self {
        let lines = features.iter().map(|name| {
            let symbol = name.to_uppercase().replace('-', "_");
            format!("CONFIG_LINNET_{symbol}=y\n")
        });
        Self { name: format!("the features of profiles/{profile}.yaml"), text: lines.collect() }
    }
}

impl Requests {
    /// What `fragments` ask for together.
    ///
    /// # Errors
    /// A line is none of `CONFIG_X=value`, `# CONFIG_X is not set`, comment, or blank; a symbol stands
    /// twice in one fragment.
    pub fn merge(fragments: &[Fragment]) -> Result<Self> {
        let mut all = Self::default();
        for fragment in fragments {
            for (index, line) in fragment.text.lines().enumerate() {
                let place = format!("{}:{}", fragment.name, index + 1);
                let Some((symbol, value)) = parse(line).with_context(|| place.clone())? else { continue };
                let request = Request {
                    symbol: symbol.to_owned(),
                    value: value.to_owned(),
                    fragment: fragment.name.clone(),
                    line: index + 1,
                };
                match all.0.iter().position(|earlier| earlier.symbol == symbol) {
                    Some(at) if all.0[at].fragment == request.fragment => {
                        bail!("{place}: CONFIG_{symbol} stands in line {} already", all.0[at].line)
                    }
                    Some(at) => all.0[at] = request,
                    None => all.0.push(request),
                }
            }
        }
        Ok(all)
    }

    /// One `CONFIG_X=value` a line: what `KCONFIG_ALLCONFIG` takes.
    #[must_use]
    pub fn to_text(&self) -> String {
        self.0.iter().fold(String::new(), |mut text, request| {
            let _ = writeln!(text, "CONFIG_{}={}", request.symbol, request.value); // cannot fail
            text
        })
    }

    /// Each of them, in the order in which they were first asked for.
    pub fn iter(&self) -> impl Iterator<Item = &Request> {
        self.0.iter()
    }

    /// Whether `symbol` (without `CONFIG_`) is asked for.
    #[must_use]
    pub fn has(&self, symbol: &str) -> bool {
        self.0.iter().any(|request| request.symbol == symbol)
    }
}

/// `kernel/base.config:7: CONFIG_EXPERT=y`
impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: CONFIG_{}={}", self.fragment, self.line, self.symbol, self.value)
    }
}

/// Symbol and value of one line of a fragment or a `.config`; none for comments and blank lines.
pub(super) fn parse(line: &str) -> Result<Option<(&str, &str)>> {
    let line = line.trim_end();
    if let Some(symbol) = line.strip_prefix("# CONFIG_").and_then(|rest| rest.strip_suffix(" is not set")) {
        return Ok(Some((symbol, "n")));
    }
    if line.is_empty() || line.starts_with('#') {
        return Ok(None);
    }
    let pair = line.strip_prefix("CONFIG_").and_then(|rest| rest.split_once('='));
    match pair {
        Some((symbol, value)) if is_symbol(symbol) && is_value(value) => Ok(Some((symbol, value))),
        _ => bail!("`{line}` is not a setting: write CONFIG_SYMBOL=y, =m, =n, =number or =\"text\""),
    }
}

fn is_symbol(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

fn is_value(text: &str) -> bool {
    let quoted = text.len() >= 2 && text.starts_with('"') && text.ends_with('"');
    let digits = text.strip_prefix('-').unwrap_or(text);
    let hex = digits.strip_prefix("0x");
    let number = match hex {
        Some(hex) => !hex.is_empty() && hex.bytes().all(|byte| byte.is_ascii_hexdigit()),
        None => !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()),
    };
    quoted || number || matches!(text, "y" | "m" | "n")
}

/// The fragments that there are, for a message.
fn offer(dirs: &[impl AsRef<Path>]) -> String {
    let entries = dirs.iter().filter_map(|dir| fs::read_dir(dir).ok()).flatten().flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    let mut names: Vec<String> =
        names.filter_map(|name| name.strip_suffix(".config").map(str::to_owned)).collect();
    names.sort();
    if names.is_empty() { String::new() } else { format!("; there are: {}", names.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn features_are_asked_for_by_symbols_of_their_names() {
        let features = ["raw".to_owned(), "syn-cookies".to_owned()];
        let fragment = Fragment::of_features("client", &features);
        assert_eq!(fragment.text, "CONFIG_LINNET_RAW=y\nCONFIG_LINNET_SYN_COOKIES=y\n");
    }

    fn fragment(name: &str, text: &str) -> Fragment {
        Fragment { name: name.to_owned(), text: text.to_owned() }
    }

    #[test]
    fn lines() {
        let good = [
            ("CONFIG_A=y", Some(("A", "y"))),
            ("CONFIG_A_2=m", Some(("A_2", "m"))),
            ("CONFIG_A=0x100000", Some(("A", "0x100000"))),
            ("CONFIG_A=-1", Some(("A", "-1"))),
            ("CONFIG_A=\"-linnet\"", Some(("A", "\"-linnet\""))),
            ("CONFIG_A=\"\"", Some(("A", "\"\""))),
            ("# CONFIG_A is not set", Some(("A", "n"))),
            ("# a word about it", None),
            ("   ", None),
            ("", None),
        ];
        for (line, expected) in good {
            assert_eq!(parse(line).unwrap(), expected, "{line}");
        }
        for line in
            ["CONFIG_A", "CONFIG_A = y", "A=y", "CONFIG_=y", "CONFIG_A=yes", "CONFIG_A=\"x", "CONFIG_A=0x"]
        {
            assert!(parse(line).is_err(), "{line}");
        }
    }

    #[test]
    fn a_later_fragment_overrules() {
        let merged = Requests::merge(&[
            fragment("base", "CONFIG_A=y\nCONFIG_B=1\n"),
            fragment("board", "# why\nCONFIG_A=n\nCONFIG_C=m\n"),
        ])
        .unwrap();
        assert_eq!(merged.to_text(), "CONFIG_A=n\nCONFIG_B=1\nCONFIG_C=m\n");
        assert_eq!(merged.iter().next().unwrap().to_string(), "board:2: CONFIG_A=n");
        assert!(merged.has("C") && !merged.has("D"));
    }

    #[test]
    fn mistakes_name_their_place() {
        let error = Requests::merge(&[fragment("base", "\nCONFIG_A=yes\n")]).unwrap_err();
        assert!(format!("{error:#}").starts_with("base:2: `CONFIG_A=yes` is not a setting"), "{error:#}");
        let error = Requests::merge(&[fragment("base", "CONFIG_A=y\nCONFIG_A=n\n")]).unwrap_err();
        assert_eq!(format!("{error:#}"), "base:2: CONFIG_A stands in line 1 already");
    }
}
