//! `sources.lock.yaml`: which archives are the right ones, and where they may come from.
//!
//! Parsed into types that hold only what is well formed; every error names file and line.

use std::cmp::Ordering;
use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use reqwest::Url;
use serde::{Deserialize, Serialize};

use super::hash::Hash;

/// The name of the file, at the root of the checkout.
pub const FILE: &str = "sources.lock.yaml";

/// The parsed file.
#[derive(Clone, Debug, PartialEq)]
pub struct Lock {
    /// Where it lies.
    pub path: PathBuf,
    /// Its text, which `edit.rs` changes in place.
    pub text: String,
    sources: Sources,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sources {
    linux: Pinned,
    musl: Pinned,
    busybox: Pinned,
}

/// Which source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Name {
    /// The kernel.
    Linux,
    /// The C library.
    Musl,
    /// The userland.
    Busybox,
}

/// One source: a version, and the origins that have it, in the order to try them.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pinned {
    /// Upstream's version.
    pub version: Version,
    /// Where its archive can come from.
    pub origins: Vec<Origin>,
}

/// A place that has an archive of a source.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(try_from = "RawOrigin")]
pub enum Origin {
    /// A file on the web, with mirrors.
    Upstream(Upstream),
    /// A source package of a distribution that this host's apt knows.
    Debian(Debian),
}

/// A file on the web.
#[derive(Clone, Debug, PartialEq)]
pub struct Upstream {
    /// Its name.
    pub file: String,
    /// Mirrors of it, the preferred one first; http or https.
    pub urls: Vec<Url>,
    /// Its exact content; without it the origin is not used.
    pub pin: Option<Pin>,
}

/// The original archive in a Debian source package.
#[derive(Clone, Debug, PartialEq)]
pub struct Debian {
    /// The source package's name.
    pub package: String,
    /// The suites to look in, such as `trixie` and `trixie-security`.
    pub suites: Vec<String>,
    /// The archive's name in the package.
    pub file: String,
    /// Its exact content; without it the origin is not used.
    pub pin: Option<Pin>,
}

/// The exact content of an archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pin {
    /// Its length in bytes.
    pub size: u64,
    /// Its SHA-256.
    pub sha256: Hash,
}

/// A version of two or more numbers, such as `6.12.107`; ordered as numbers.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct Version {
    text: String,
    numbers: Vec<u32>,
}

impl Lock {
    /// Reads the lock file of the checkout at `root`.
    ///
    /// # Errors
    /// It is missing or unreadable; or what [`parse`](Self::parse) finds.
    pub fn read(root: &Path) -> Result<Self> {
        let path = root.join(FILE);
        let text = std::fs::read_to_string(&path)
            .with_context(|| format!("cannot read the lock file {}", path.display()))?;
        Self::parse(path, text)
    }

    /// Parses `text`, which came from `path`.
    ///
    /// # Errors
    /// Not YAML, an unknown or missing key, a malformed value; the message has file and line.
    pub fn parse(path: PathBuf, text: String) -> Result<Self> {
        let sources = crate::yaml::from_str(&path, &text)?;
        Ok(Self { path, text, sources })
    }

    /// The entry of one source.
    #[must_use]
    pub fn pinned(&self, name: Name) -> &Pinned {
        match name {
            Name::Linux => &self.sources.linux,
            Name::Musl => &self.sources.musl,
            Name::Busybox => &self.sources.busybox,
        }
    }
}

impl Name {
    /// All of them, in the order of the lock file.
    pub const ALL: [Self; 3] = [Self::Linux, Self::Musl, Self::Busybox];

    /// As in the lock file.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Linux => "linux",
            Self::Musl => "musl",
            Self::Busybox => "busybox",
        }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Origin {
    /// What the archive must be, if that is known.
    #[must_use]
    pub fn pin(&self) -> Option<&Pin> {
        match self {
            Self::Upstream(upstream) => upstream.pin.as_ref(),
            Self::Debian(debian) => debian.pin.as_ref(),
        }
    }

    /// The archive's file name there.
    #[must_use]
    pub fn file(&self) -> &str {
        match self {
            Self::Upstream(upstream) => &upstream.file,
            Self::Debian(debian) => &debian.file,
        }
    }

    /// Its key in the lock file.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Upstream(_) => "upstream",
            Self::Debian(_) => "debian",
        }
    }
}

impl Version {
    /// The version as it is written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether `other` differs in the last number only: another patch level of one series.
    #[must_use]
    pub fn same_series(&self, other: &Self) -> bool {
        let series = |v: &Self| v.numbers[..v.numbers.len() - 1].to_vec();
        self.numbers.len() == other.numbers.len() && series(self) == series(other)
    }
}

impl TryFrom<String> for Version {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let numbers: Result<Vec<u32>, _> = text.split('.').map(str::parse).collect();
        match numbers {
            Ok(numbers) if numbers.len() >= 2 => Ok(Self { text, numbers }),
            _ => Err(format!("`{text}` is not a version: numbers with dots are needed, such as 6.12.107")),
        }
    }
}

impl From<Version> for String {
    fn from(version: Version) -> Self {
        version.text
    }
}

impl Ord for Version {
    fn cmp(&self, other: &Self) -> Ordering {
        self.numbers.cmp(&other.numbers)
    }
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

/// An origin as it is written: a mapping with exactly one of the two keys.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawOrigin {
    upstream: Option<RawUpstream>,
    debian: Option<RawDebian>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawUpstream {
    file: FileName,
    urls: Vec<WebUrl>,
    size: Option<u64>,
    sha256: Option<Hash>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawDebian {
    package: String,
    suites: Vec<String>,
    file: FileName,
    size: Option<u64>,
    sha256: Option<Hash>,
}

#[derive(Deserialize)]
#[serde(try_from = "String")]
struct FileName(String);

#[derive(Deserialize)]
#[serde(try_from = "String")]
struct WebUrl(Url);

impl TryFrom<RawOrigin> for Origin {
    type Error = String;

    fn try_from(raw: RawOrigin) -> Result<Self, String> {
        match (raw.upstream, raw.debian) {
            (Some(raw), None) => {
                if raw.urls.is_empty() {
                    return Err("`upstream` needs at least one entry under `urls`".to_owned());
                }
                let urls = raw.urls.into_iter().map(|url| url.0).collect();
                Ok(Self::Upstream(Upstream { file: raw.file.0, urls, pin: pin(raw.size, raw.sha256)? }))
            }
            (None, Some(raw)) => {
                if raw.suites.is_empty() {
                    return Err("`debian` needs at least one entry under `suites`".to_owned());
                }
                let (package, suites) = (raw.package, raw.suites);
                Ok(Self::Debian(Debian {
                    package,
                    suites,
                    file: raw.file.0,
                    pin: pin(raw.size, raw.sha256)?,
                }))
            }
            _ => Err("an origin is either `upstream` or `debian`; begin the next one with `-`".to_owned()),
        }
    }
}

fn pin(size: Option<u64>, sha256: Option<Hash>) -> Result<Option<Pin>, String> {
    match (size, sha256) {
        (Some(size), Some(sha256)) => Ok(Some(Pin { size, sha256 })),
        (None, None) => Ok(None),
        (Some(_), None) => Err("`size` without `sha256`: give both, or neither".to_owned()),
        (None, Some(_)) => Err("`sha256` without `size`: give both, or neither".to_owned()),
    }
}

impl TryFrom<String> for FileName {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_.+~".contains(c);
        let kind = [".tar.xz", ".tar.gz", ".tar.bz2"].iter().any(|end| text.ends_with(end));
        if kind && text.chars().all(plain) && !text.starts_with('.') {
            return Ok(Self(text));
        }
        Err(format!("`{text}` is not the name of an archive: it must end in .tar.xz, .tar.gz or .tar.bz2"))
    }
}

impl TryFrom<String> for WebUrl {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match Url::parse(&text) {
            Ok(url) if matches!(url.scheme(), "http" | "https") => Ok(Self(url)),
            Ok(url) => Err(format!("`{text}`: only http and https are known, not {}", url.scheme())),
            Err(error) => Err(format!("`{text}` is not a URL: {error}")),
        }
    }
}

#[cfg(test)]
mod tests;
