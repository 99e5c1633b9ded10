//! What the two builds left, file by file.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use crate::fingerprint::sha256_hex;
use crate::manifest::{self, Manifest};

/// A file that is not the same in both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Its path below the output folder.
    pub name: String,
    /// What it is in this checkout.
    pub here: String,
    /// What it is in the other.
    pub there: String,
}

impl Difference {
    pub fn json(&self) -> Value {
        json!({ "file": self.name, "here": self.here, "there": self.there })
    }
}

/// The stage whose output is too large to be hashed: it is what the archive had in it, and every file
/// is compared by name, length and mode.
const UNPACKED: &str = "linux-";

/// An image's files by name, as SHA-256: those that its manifest lists, and the manifest.
pub type Image = BTreeMap<String, String>;

/// Reads the image in the folder `dir`.
///
/// # Errors
/// A file of it cannot be read.
pub fn image(dir: &Path) -> Result<Image> {
    let files = Manifest::read(dir)?.files;
    let names = files.keys().map(String::as_str).chain([manifest::NAME]);
    let read = |name: &str| {
        let path = dir.join(name);
        let hash = hash(&path).with_context(|| format!("cannot read {}", path.display()))?;
        Ok((name.to_owned(), hash))
    };
    names.map(read).collect()
}

/// Compares two images of the target called `name`.
pub fn images(name: &str, here: &Image, there: &Image, equal: &mut usize, differences: &mut Vec<Difference>) {
    let all = here.keys().chain(there.keys().filter(|file| !here.contains_key(*file)));
    for file in all {
        let of = |image: &Image| image.get(file).map_or("missing", String::as_str).to_owned();
        add(format!("{name}/{file}"), of(here), of(there), equal, differences);
    }
}

/// Compares every finished stage in the folder `there` with the one of the same name in `here`: kernel,
/// modules and symbols, the stack's object, libraries, programs.
///
/// # Errors
/// A folder cannot be read.
pub fn stages(here: &Path, there: &Path, equal: &mut usize, differences: &mut Vec<Difference>) -> Result<()> {
    let entries = fs::read_dir(there).with_context(|| format!("cannot read {}", there.display()))?;
    let mut names: Vec<String> = entries
        .flatten()
        .filter(|entry| entry.path().join("inputs.txt").is_file())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    for name in names {
        if !here.join(&name).is_dir() {
            // Its inputs differ, or the name were the same.
            add(format!("stages/{name}"), "never built".into(), "built".into(), equal, differences);
            continue;
        }
        let describe = if name.starts_with(UNPACKED) { outside } else { content };
        let list = |dir: &Path| {
            let mut files = BTreeMap::new();
            walk(&dir.join(&name), "", describe, &mut files)
                .with_context(|| format!("cannot read {}", dir.join(&name).display()))?;
            Ok::<_, anyhow::Error>(files)
        };
        let (ours, theirs) = (list(here)?, list(there)?);
        let all = ours.keys().chain(theirs.keys().filter(|file| !ours.contains_key(*file)));
        for file in all {
            let of = |files: &BTreeMap<String, String>| {
                files.get(file).map_or("missing", String::as_str).to_owned()
            };
            add(format!("stages/{name}/{file}"), of(&ours), of(&theirs), equal, differences);
        }
    }
    Ok(())
}

fn add(name: String, here: String, there: String, equal: &mut usize, differences: &mut Vec<Difference>) {
    if here == there {
        *equal += 1;
    } else {
        differences.push(Difference { name, here, there });
    }
}

fn hash(path: &Path) -> std::io::Result<String> {
    fs::read(path).map(|bytes| sha256_hex(&bytes))
}

fn content(path: &Path) -> std::io::Result<String> {
    Ok(format!("{} {:o}", hash(path)?, fs::metadata(path)?.permissions().mode() & 0o111))
}

fn outside(path: &Path) -> std::io::Result<String> {
    let data = fs::metadata(path)?;
    Ok(format!("{} bytes {:o}", data.len(), data.permissions().mode() & 0o777))
}

fn walk(
    dir: &Path,
    prefix: &str,
    describe: fn(&Path) -> std::io::Result<String>,
    files: &mut BTreeMap<String, String>,
) -> std::io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        let kind = entry.file_type()?;
        if kind.is_dir() {
            walk(&entry.path(), &format!("{name}/"), describe, files)?;
        } else if kind.is_symlink() {
            files.insert(name, format!("link {}", fs::read_link(entry.path())?.display()));
        } else {
            files.insert(name, describe(&entry.path())?);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn planted(change: impl Fn(&Path)) -> (usize, Vec<String>) {
        let temp = tempfile::tempdir().unwrap();
        for side in ["here", "there"] {
            for stage in ["linux-0123", "kernel-4567"] {
                let dir = temp.path().join(side).join(stage);
                fs::create_dir_all(dir.join("net")).unwrap();
                fs::write(dir.join("inputs.txt"), "a\tb\n").unwrap();
                fs::write(dir.join("net/linnet.ko"), "module").unwrap();
                std::os::unix::fs::symlink("net", dir.join("link")).unwrap();
            }
        }
        change(&temp.path().join("there"));
        let (mut equal, mut differences) = (0, Vec::new());
        stages(&temp.path().join("here"), &temp.path().join("there"), &mut equal, &mut differences).unwrap();
        (equal, differences.into_iter().map(|difference| difference.name).collect())
    }

    #[test]
    fn differences_in_stages() {
        type Change = fn(&Path);
        let cases: [(&str, Change, usize, &[&str]); 6] = [
            ("none", |_| {}, 6, &[]),
            (
                "a byte of a module",
                |dir| fs::write(dir.join("kernel-4567/net/linnet.ko"), "modulf").unwrap(),
                5,
                &["stages/kernel-4567/net/linnet.ko"],
            ),
            (
                "a torn file of the unpacked source",
                |dir| fs::write(dir.join("linux-0123/net/linnet.ko"), "mod").unwrap(),
                5,
                &["stages/linux-0123/net/linnet.ko"],
            ),
            (
                "one more",
                |dir| fs::write(dir.join("kernel-4567/x"), "").unwrap(),
                6,
                &["stages/kernel-4567/x"],
            ),
            (
                "one less",
                |dir| fs::remove_file(dir.join("kernel-4567/net/linnet.ko")).unwrap(),
                5,
                &["stages/kernel-4567/net/linnet.ko"],
            ),
            (
                "other inputs",
                |dir| fs::rename(dir.join("kernel-4567"), dir.join("kernel-89ab")).unwrap(),
                3,
                &["stages/kernel-89ab"],
            ),
        ];
        for (case, change, equal, differences) in cases {
            let (found, names) = planted(change);
            assert_eq!(
                (found, names),
                (equal, differences.iter().map(|&name| name.to_owned()).collect()),
                "{case}"
            );
        }
    }

    #[test]
    fn images_are_compared_by_content_not_by_what_the_manifest_says() {
        let temp = tempfile::tempdir().unwrap();
        let text = r#"{"format":1,"linnet":"0","board":"b","profile":"p","stack":"module","sources":{},
            "files":{"bzImage":{"bytes":3,"sha256":"aa"}},"sizes":{},"inputs":{}}"#;
        for (side, bytes) in [("here", "one"), ("there", "two")] {
            let dir = temp.path().join(side);
            fs::create_dir(&dir).unwrap();
            fs::write(dir.join("bzImage"), bytes).unwrap();
            fs::write(dir.join(manifest::NAME), text).unwrap();
        }
        let (mut equal, mut differences) = (0, Vec::new());
        let read = |side| image(&temp.path().join(side)).unwrap();
        images("b-p", &read("here"), &read("there"), &mut equal, &mut differences);
        assert_eq!((equal, differences.len()), (1, 1), "{differences:?}");
        assert_eq!(differences[0].name, "b-p/bzImage");
    }
}
