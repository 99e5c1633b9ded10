//! Changes entries of the lock file in its text: comments, order and shape stay.
//!
//! Line by line, for the shape that the file has (block style, one key a line, hashes on lines of
//! their own). The result is parsed again and must mean what was asked for; a file of another
//! shape is left alone.

use anyhow::{Result, bail};

use super::lock::{Lock, Name, Origin, Pinned};

/// The text of `lock` with the entry of `name` changed to `wanted`, which has the same origins in the same order.
///
/// # Errors
/// The file is shaped otherwise than this can change.
pub fn rewrite(lock: &Lock, name: Name, wanted: &Pinned) -> Result<Lock> {
    let mut lines: Vec<String> = lock.text.lines().map(ToOwned::to_owned).collect();
    let top = format!("{name}:");
    let start = lines.iter().position(|line| line.trim_end() == top).map_or(lines.len(), |at| at + 1);
    let end = block_end(&lines, start, 1);
    if let Some(line) = lines[start..end].iter_mut().find(|line| key(line) == "version") {
        set(line, "version", wanted.version.as_str());
    }
    // From the last origin to the first, so that lines put in or taken out do not move what is still to do.
    let heads: Vec<usize> =
        (start..end).filter(|&at| matches!(lines[at].trim(), "- upstream:" | "- debian:")).collect();
    for (&head, origin) in heads.iter().zip(&wanted.origins).rev() {
        let block = head + 1..block_end(&lines, head + 1, indent(&lines[head]) + 1);
        let changed = change_origin(&lines[block.clone()], origin);
        lines.splice(block, changed);
    }
    let changed = Lock::parse(lock.path.clone(), lines.join("\n") + "\n");
    match changed {
        Ok(changed) if is_as_wanted(&changed, lock, name, wanted) => Ok(changed),
        _ => bail!(
            "{} is written in a way that cannot be changed by program: one key a line, `- upstream:` and\n  \
             `- debian:` on lines of their own. The wanted entry of {name}: {wanted:?}",
            lock.path.display()
        ),
    }
}

fn is_as_wanted(changed: &Lock, lock: &Lock, name: Name, wanted: &Pinned) -> bool {
    Name::ALL
        .iter()
        .all(|&other| changed.pinned(other) == if other == name { wanted } else { lock.pinned(other) })
}

/// The lines of one origin with new values; `size` and `sha256` come and go with the pin.
fn change_origin(lines: &[String], origin: &Origin) -> Vec<String> {
    let mut urls = match origin {
        Origin::Upstream(upstream) => upstream.urls.iter(),
        Origin::Debian(_) => [].iter(),
    };
    let pin = origin.pin();
    let mut changed = Vec::new();
    let (mut sized, mut hashed) = (false, false);
    for line in lines {
        let mut line = line.clone();
        match (key(&line), pin) {
            ("file", _) => set(&mut line, "file", origin.file()),
            ("size", Some(pin)) => {
                set(&mut line, "size", &pin.size.to_string());
                sized = true;
            }
            ("sha256", Some(pin)) => {
                set(&mut line, "sha256", pin.sha256.as_str());
                hashed = true;
            }
            ("size" | "sha256", None) => continue,
            ("-", _) => {
                if let Some(url) = urls.next() {
                    set(&mut line, "-", url.as_str());
                }
            }
            _ => {}
        }
        changed.push(line);
    }
    if let Some(pin) = pin {
        // After the last line that says something: blank lines and comments belong to what follows.
        let says = |line: &String| !line.trim().is_empty() && !line.trim().starts_with('#');
        let at = changed.iter().rposition(says).map_or(0, |at| at + 1);
        let margin = " ".repeat(lines.iter().find(|line| key(line) == "file").map_or(8, |line| indent(line)));
        if !hashed {
            changed.insert(at, format!("{margin}sha256: {}", pin.sha256));
        }
        if !sized {
            changed.insert(at, format!("{margin}size: {}", pin.size));
        }
    }
    changed
}

/// Where the block that begins at `start` ends: the next line that says something at a smaller indent.
fn block_end(lines: &[String], start: usize, least: usize) -> usize {
    let ends = |line: &String| {
        let text = line.trim();
        !text.is_empty() && !text.starts_with('#') && indent(line) < least
    };
    lines.iter().skip(start).position(ends).map_or(lines.len(), |count| start + count)
}

fn indent(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

/// `size` for `  size: 3  # bytes`; `-` for an item of a list.
fn key(line: &str) -> &str {
    let text = line.trim_start();
    if text.starts_with("- ") { "-" } else { text.split_once(':').map_or("", |(key, _)| key) }
}

/// Puts `value` in the place of what the line has, and keeps a comment after it.
fn set(line: &mut String, key: &str, value: &str) {
    let margin = " ".repeat(indent(line));
    let comment = line.find(" #").map(|at| line[at..].to_owned()).unwrap_or_default();
    let colon = if key == "-" { "" } else { ":" };
    *line = format!("{margin}{key}{colon} {value}{comment}");
}

#[cfg(test)]
mod tests {
    use super::super::hash::Hash;
    use super::super::lock::{Pin, Version};
    use super::*;
    use std::path::PathBuf;

    const TEXT: &str = "\
# Head.
linux:
  version: 6.12.1 # LTS
  origins:
    # Why.
    - upstream:
        file: linux-6.12.1.tar.xz
        urls:
          - https://a.example/linux-6.12.1.tar.xz # near
          - https://b.example/linux-6.12.1.tar.xz

    # Debian's.
    - debian:
        package: linux
        suites: [trixie]
        file: linux_6.12.1.orig.tar.xz
        size: 3
        sha256: ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad # of abc

# The library.
musl:
  version: 1.2.5
  origins: []
busybox:
  version: 1.37.0
  origins: []
";

    fn lock() -> Result<Lock> {
        Lock::parse(PathBuf::from("l.yaml"), TEXT.to_owned())
    }

    fn version(text: &str) -> Version {
        Version::try_from(text.to_owned()).unwrap_or_else(|e| panic!("{e}"))
    }

    #[test]
    fn nothing_wanted_changes_nothing() -> Result<()> {
        let lock = lock()?;
        assert_eq!(rewrite(&lock, Name::Linux, lock.pinned(Name::Linux))?.text, TEXT);
        Ok(())
    }

    #[test]
    fn values_change_and_comments_stay() -> Result<()> {
        let lock = lock()?;
        let mut wanted = lock.pinned(Name::Linux).clone();
        wanted.version = version("6.12.2");
        for origin in &mut wanted.origins {
            let pin = Some(Pin { size: 4, sha256: Hash::of(b"abcd") });
            match origin {
                Origin::Upstream(upstream) => {
                    upstream.file = "linux-6.12.2.tar.xz".to_owned();
                    for url in &mut upstream.urls {
                        *url = url.as_str().replace("6.12.1", "6.12.2").parse()?;
                    }
                    upstream.pin = pin;
                }
                Origin::Debian(debian) => {
                    debian.file = "linux_6.12.2.orig.tar.xz".to_owned();
                    debian.pin = pin;
                }
            }
        }
        let hash = Hash::of(b"abcd");
        let expected = TEXT
            .replace("6.12.1", "6.12.2")
            .replace("size: 3", "size: 4")
            .replace(Hash::of(b"abc").as_str(), hash.as_str())
            .replace(
                "b.example/linux-6.12.2.tar.xz\n",
                &format!("b.example/linux-6.12.2.tar.xz\n        size: 4\n        sha256: {hash}\n"),
            );
        let changed = rewrite(&lock, Name::Linux, &wanted)?;
        assert_eq!(changed.text, expected);
        assert_eq!(changed.pinned(Name::Linux), &wanted);
        Ok(())
    }

    #[test]
    fn a_pin_can_go() -> Result<()> {
        let lock = lock()?;
        let mut wanted = lock.pinned(Name::Linux).clone();
        if let Some(Origin::Debian(debian)) = wanted.origins.last_mut() {
            debian.pin = None;
        }
        let changed = rewrite(&lock, Name::Linux, &wanted)?;
        assert_eq!(changed.text.lines().count(), TEXT.lines().count() - 2);
        assert!(changed.text.contains("orig.tar.xz\n\n# The library.\n"));
        Ok(())
    }

    #[test]
    fn another_shape_is_left_alone() -> Result<()> {
        let text = "linux: {version: 6.12.1, origins: []}\nmusl: {version: 1.2.5, origins: []}\nbusybox: {version: 1.37.0, origins: []}\n";
        let lock = Lock::parse(PathBuf::from("l.yaml"), text.to_owned())?;
        let mut wanted = lock.pinned(Name::Linux).clone();
        wanted.version = version("6.12.2");
        let message = rewrite(&lock, Name::Linux, &wanted).map(|_| ()).unwrap_err().to_string();
        assert!(message.contains("l.yaml is written in a way"), "{message}");
        Ok(())
    }
}
