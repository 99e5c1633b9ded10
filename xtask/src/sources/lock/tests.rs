//! Lock files that are right, and every way in which one is refused.

use super::*;

const HASH: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

/// A lock file with one origin of musl's written as `origin`, from line 7 on.
fn with_musl(origin: &str) -> String {
    let other = "\n  version: 1.2.3\n  origins: []\n";
    format!("linux:{other}busybox:{other}\n# musl's\nmusl:\n  version: 1.2.5\n  origins:\n{origin}")
        .replacen("\n\n", "\n", 1)
}

fn upstream(lines: &str) -> String {
    with_musl(&format!(
        "    - upstream:\n        file: musl-1.2.5.tar.gz\n        {}\n",
        lines.replace('\n', "\n        ")
    ))
}

fn parse(text: &str) -> Result<Lock> {
    Lock::parse(PathBuf::from("l.yaml"), text.to_owned())
}

#[test]
fn the_file_of_this_checkout_is_sound() -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("no parent")?;
    let lock = Lock::read(root)?;
    for name in Name::ALL {
        let pinned = lock.pinned(name);
        assert!(pinned.origins.iter().any(|origin| origin.pin().is_some()), "{name} has no usable origin");
        for origin in &pinned.origins {
            assert!(origin.file().contains(pinned.version.as_str()), "{name}: {}", origin.file());
        }
    }
    Ok(())
}

#[test]
fn a_whole_entry_is_read() -> Result<()> {
    let lock = parse(&upstream(&format!("urls: [https://h/a, http://i/b]\nsize: 3\nsha256: {HASH}")))?;
    let musl = lock.pinned(Name::Musl);
    assert_eq!(musl.version.as_str(), "1.2.5");
    let [Origin::Upstream(origin)] = &musl.origins[..] else { panic!("{:?}", musl.origins) };
    assert_eq!(origin.file, "musl-1.2.5.tar.gz");
    assert_eq!(origin.urls.iter().map(Url::as_str).collect::<Vec<_>>(), ["https://h/a", "http://i/b"]);
    assert_eq!(origin.pin, Some(Pin { size: 3, sha256: Hash::of(b"abc") }));
    Ok(())
}

#[test]
fn errors_name_line_and_remedy() {
    let good = "urls: [https://h/a]";
    let cases = [
        ("a misspelt key", upstream(&format!("{good}\nsha265: {HASH}")), "did you mean `sha256`?"),
        ("a hash too short", upstream(&format!("{good}\nsize: 1\nsha256: {}", &HASH[1..])), "this has 63"),
        ("a hash without a size", upstream(&format!("{good}\nsha256: {HASH}")), "`sha256` without `size`"),
        ("a size without a hash", upstream(&format!("{good}\nsize: 7")), "`size` without `sha256`"),
        ("a size that is none", upstream(&format!("{good}\nsize: big\nsha256: {HASH}")), "expected u64"),
        ("no URL", upstream("urls: []"), "at least one entry"),
        ("a URL of another kind", upstream("urls: [ftp://h/a]"), "only http and https"),
        ("no file", with_musl("    - upstream:\n        urls: [https://h/a]\n"), "missing key `file`"),
        ("a path for a file", upstream(good).replace("musl-1.2.5", "../musl"), "not the name of an archive"),
        (
            "an unknown origin",
            with_musl("    - upstraem:\n        file: a.tar.gz\n"),
            "did you mean `upstream`?",
        ),
        (
            "two origins in one",
            upstream(&format!("{good}\n#")).replace(
                "        #",
                "      debian:\n        package: musl\n        suites: [x]\n        file: a.tar.gz",
            ),
            "either `upstream` or `debian`",
        ),
        (
            "a version of words",
            upstream(good).replace("1.2.5\n  o", "latest\n  o"),
            "`latest` is not a version",
        ),
        ("an unknown source", upstream(good) + "linus: 3\n", "did you mean `linux`?"),
    ];
    for (name, text, expected) in cases {
        let message = parse(&text).map(|_| ()).unwrap_err().to_string();
        assert!(message.contains(expected), "{name}: {message:?} should contain {expected:?}");
        let line =
            message.strip_prefix("l.yaml:").and_then(|rest| rest.split(':').next()?.parse::<usize>().ok());
        assert!(line.is_some_and(|line| line > 7), "{name}: {message:?} names no line");
    }
}

#[test]
fn versions_order_as_numbers() -> Result<(), String> {
    let version = |text: &str| Version::try_from(text.to_owned());
    assert!(version("6.12.107")? > version("6.12.94")?);
    assert!(version("6.12.107")?.same_series(&version("6.12.9")?));
    for other in ["6.13.107", "6.12", "6.12.1.2"] {
        assert!(!version("6.12.107")?.same_series(&version(other)?), "{other}");
    }
    for bad in ["6", "6.", "6.12-rc1", "v6.12", ""] {
        assert!(version(bad).is_err(), "{bad}");
    }
    Ok(())
}
