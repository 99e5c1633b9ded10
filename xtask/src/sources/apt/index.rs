//! Source packages as apt's indices describe them (deb-src-control(5), Debian Policy §5.6).

use super::super::hash::Hash;
use super::super::lock::Version;

/// The original archive of one version of a source package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Debian's version: `1:1.37.0-6`.
    pub version: String,
    /// Upstream's version in it: `1.37.0`.
    pub upstream: Version,
    /// Its folder in the archive: `pool/main/b/busybox`.
    pub directory: String,
    /// Its name: `busybox_1.37.0.orig.tar.bz2`.
    pub file: String,
    /// Its length in bytes.
    pub size: u64,
    /// Its SHA-256, from the signed index.
    pub sha256: Hash,
}

/// The records of `package` in the output of `apt-cache showsrc`. Versions that are not plain
/// numbers (pre-releases, repacked ones) are left out, and so is what has no single archive.
#[must_use]
pub fn parse(text: &str, package: &str) -> Vec<Record> {
    text.split("\n\n").filter_map(|stanza| record(stanza, package)).collect()
}

fn record(stanza: &str, package: &str) -> Option<Record> {
    let field = |name: &str| {
        let mut lines = stanza.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        lines.next().map(str::trim)
    };
    if field("Package")? != package {
        return None;
    }
    let version = field("Version")?.to_owned();
    let sums = stanza.lines().skip_while(|line| !line.starts_with("Checksums-Sha256:")).skip(1);
    let originals: Vec<_> = sums.take_while(|line| line.starts_with(' ')).filter_map(original).collect();
    let [(sha256, size, file)] = &originals[..] else { return None };
    Some(Record {
        upstream: Version::try_from(upstream(&version).to_owned()).ok()?,
        version,
        directory: field("Directory")?.to_owned(),
        file: file.clone(),
        size: *size,
        sha256: sha256.clone(),
    })
}

/// `<sha256> <size> <name>.orig.tar.<kind>`, not its signature nor an additional component.
fn original(line: &str) -> Option<(Hash, u64, String)> {
    let mut words = line.split_whitespace();
    let (hash, size, file) = (words.next()?, words.next()?, words.next()?);
    let (_, kind) = file.rsplit_once(".orig.tar.")?;
    let known = ["xz", "gz", "bz2"].contains(&kind) && !file.contains('/');
    known.then_some((Hash::try_from(hash.to_owned()).ok()?, size.parse().ok()?, file.to_owned()))
}

/// `1:1.37.0-6` → `1.37.0` (Debian Policy §5.6.12).
fn upstream(version: &str) -> &str {
    let version = version.split_once(':').map_or(version, |(_, rest)| rest);
    version.rsplit_once('-').map_or(version, |(upstream, _)| upstream)
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    const B: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    fn stanza(package: &str, version: &str, files: &[&str]) -> String {
        let sums: String = files.iter().map(|file| format!(" {A} 3 {file}\n")).collect();
        format!(
            "Package: {package}\nBinary: a, b\nVersion: {version}\nFiles:\n 0123 3 x.orig.tar.xz\n\
             Checksums-Sha256:\n{sums}Checksums-Sha512:\n {B} 9 y.orig.tar.xz\nDirectory: pool/main/m/{package}\n\n"
        )
    }

    #[test]
    fn the_original_archive_is_found() {
        let files = ["m_1.dsc", "m_1.2.5.orig.tar.gz", "m_1.2.5.orig.tar.gz.asc", "m_1.debian.tar.xz"];
        let text =
            stanza("linux", "6.12.1-1", &["l.orig.tar.xz"]) + &stanza("musl", "1:1.2.5-3.1~deb13u1", &files);
        let [record] = &parse(&text, "musl")[..] else { panic!("{:?}", parse(&text, "musl")) };
        assert_eq!(record.version, "1:1.2.5-3.1~deb13u1");
        assert_eq!(record.upstream.as_str(), "1.2.5");
        assert_eq!(record.directory, "pool/main/m/musl");
        assert_eq!((record.file.as_str(), record.size), ("m_1.2.5.orig.tar.gz", 3));
        assert_eq!(record.sha256.as_str(), A);
    }

    #[test]
    fn what_is_not_a_plain_release_is_left_out() {
        let cases = [
            ("a pre-release", stanza("p", "6.12~rc7-1", &["p.orig.tar.xz"])),
            ("a repacked one", stanza("p", "1.2.5+dfsg-1", &["p.orig.tar.xz"])),
            ("a native package", stanza("p", "1.2.5", &["p_1.2.5.tar.xz"])),
            ("two archives", stanza("p", "1.2.5-1", &["p.orig.tar.xz", "q.orig.tar.xz"])),
            ("a path", stanza("p", "1.2.5-1", &["../p.orig.tar.xz"])),
            ("another package", stanza("q", "1.2.5-1", &["q.orig.tar.xz"])),
            ("nothing", String::new()),
        ];
        for (name, text) in cases {
            assert_eq!(parse(&text, "p"), [], "{name}");
        }
    }
}
