//! Archives unpacked, and what an archive may not do.

use super::*;

use std::io::Write as _;
use std::os::unix::fs::MetadataExt as _;

use tar::{Builder, Header};
use tempfile::TempDir;

use crate::context::{Options, Paths};
use crate::process::Interrupt;
use crate::report::Reporter;

/// What one member of an archive is.
enum Member {
    Folder,
    File(&'static str, u32),
    Link(&'static str),
    Hard(&'static str),
    Device,
    Comment,
}

fn context(dir: &Path) -> Result<Context> {
    let paths = Paths { root: dir.into(), out: dir.join("out"), cache: dir.join("cache"), external: None };
    let options = Options { jobs: 2, offline: true, locked: false, yes: false, json: false };
    Context::new(paths, options, Reporter::quiet(), Interrupt::default())
}

/// A tar archive; names go in unchecked, as an attacker would have it.
fn archive(members: &[(&str, Member)]) -> Result<Vec<u8>> {
    let mut tar = Builder::new(Vec::new());
    for (name, member) in members {
        let mut header = Header::new_gnu();
        header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
        header.set_mtime(1_000_000_000);
        let (kind, target, content, mode) = match member {
            Member::Folder => (EntryType::Directory, "", "", 0o700),
            Member::File(content, mode) => (EntryType::Regular, "", *content, *mode),
            Member::Link(target) => (EntryType::Symlink, *target, "", 0o777),
            Member::Hard(target) => (EntryType::Link, *target, "", 0o644),
            Member::Device => (EntryType::Char, "", "", 0o644),
            Member::Comment => (EntryType::XGlobalHeader, "", "", 0o644),
        };
        header.set_entry_type(kind);
        header.set_mode(mode);
        header.as_mut_bytes()[157..157 + target.len()].copy_from_slice(target.as_bytes());
        header.set_size(content.len() as u64);
        header.set_cksum();
        tar.append(&header, content.as_bytes())?;
    }
    Ok(tar.into_inner()?)
}

/// Compresses `bytes` with the host's `program` into `file`.
fn compress(program: &str, bytes: &[u8], file: &Path) -> Result<()> {
    use std::process::{Command, Stdio};
    let mut child =
        Command::new(program).arg("-c").stdin(Stdio::piped()).stdout(File::create(file)?).spawn()?;
    child.stdin.take().context("no input")?.write_all(bytes)?;
    if !child.wait()?.success() {
        bail!("{program} failed");
    }
    Ok(())
}

/// Unpacks `members` and returns where.
fn unpacked(members: &[(&str, Member)]) -> Result<(TempDir, PathBuf)> {
    let dir = tempfile::tempdir()?;
    let (file, dest) = (dir.path().join("a.tar.gz"), dir.path().join("tree"));
    compress("gzip", &archive(members)?, &file)?;
    let cx = context(dir.path())?;
    unpack(&cx, &cx.reporter.task("t"), &file, &dest)?;
    Ok((dir, dest))
}

fn ordinary() -> [(&'static str, Member); 7] {
    [
        ("pax_global_header", Member::Comment),
        ("p-1/", Member::Folder),
        ("p-1/read.me", Member::File("hello", 0o664)),
        ("./p-1/bin/run", Member::File("#!", 0o775)),
        ("p-1/bin/link", Member::Link("../read.me")),
        ("p-1/hard", Member::Hard("p-1/read.me")),
        ("p-1/empty", Member::Folder),
    ]
}

#[test]
fn a_tree_comes_out_without_its_top_folder() -> Result<()> {
    let (_dir, tree) = unpacked(&ordinary())?;
    assert_eq!(fs::read_to_string(tree.join("read.me"))?, "hello");
    assert_eq!(fs::read_to_string(tree.join("bin/link"))?, "hello");
    assert_eq!(fs::metadata(tree.join("hard"))?.ino(), fs::metadata(tree.join("read.me"))?.ino());
    assert!(tree.join("empty").is_dir());
    for (name, mode) in [("read.me", 0o644), ("bin/run", 0o755)] {
        let metadata = fs::metadata(tree.join(name))?;
        assert_eq!((metadata.mode() & 0o7777, metadata.mtime()), (mode, 1_000_000_000), "{name}");
    }
    assert_eq!(fs::read_dir(&tree)?.count(), 4);
    Ok(())
}

#[test]
fn each_compression_gives_the_same() -> Result<()> {
    for (program, kind) in [("xz", "xz"), ("bzip2", "bz2"), ("gzip", "gz")] {
        let dir = tempfile::tempdir()?;
        let (file, dest) = (dir.path().join(format!("a.tar.{kind}")), dir.path().join("tree"));
        compress(program, &archive(&ordinary())?, &file)?;
        let cx = context(dir.path())?;
        unpack(&cx, &cx.reporter.task("t"), &file, &dest).with_context(|| program.to_owned())?;
        assert_eq!(fs::read_to_string(dest.join("read.me"))?, "hello", "{program}");
    }
    Ok(())
}

#[test]
fn what_leads_out_is_refused() {
    use Member::{Comment, Device, File, Folder, Hard, Link};
    let file = || File("x", 0o644);
    let cases = [
        ("a parent folder", vec![("p/../../evil", file())], "leads out"),
        ("an absolute path", vec![("/evil", file())], "leads out"),
        ("a parent at the top", vec![("../evil", file())], "leads out"),
        ("a link to a parent", vec![("p/l", Link("../evil"))], "leads out, to `../evil`"),
        ("an absolute link", vec![("p/l", Link("/etc/passwd"))], "leads out, to `/etc/passwd`"),
        (
            "through a link",
            vec![("p/d/", Folder), ("p/l", Link("d")), ("p/l/x", file())],
            "behind a symbolic link",
        ),
        ("over a link", vec![("p/l", Link("x")), ("p/l", file())], "File exists"),
        ("a hard link out", vec![("p/h", Hard("p/../../etc/passwd"))], "leads out"),
        ("a hard link to a link", vec![("p/l", Link("x")), ("p/h", Hard("p/l"))], "hard link to a symbolic"),
        ("a device", vec![("p/null", Device)], "neither file"),
        ("two top folders", vec![("p/a", file()), ("q/b", file())], "not in the folder `p`"),
        ("only a comment", vec![("c", Comment)], "nothing in it"),
    ];
    for (name, members, expected) in cases {
        let error = unpacked(&members).map(|_| ()).unwrap_err();
        assert!(format!("{error:#}").contains(expected), "{name}: {error:#}");
    }
}

#[test]
fn a_broken_archive_is_told_apart_from_a_broken_tree() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let cx = context(dir.path())?;
    let whole = dir.path().join("whole.tar.gz");
    let content: &'static str = String::leak("0123456789".repeat(20_000));
    compress("gzip", &archive(&[("p/a", Member::File(content, 0o644))])?, &whole)?;
    let bytes = fs::read(&whole)?;
    let cases = [
        ("cut off", bytes[..bytes.len() / 2].to_vec(), "unexpected end of file"),
        ("not compressed", b"hello".to_vec(), "not in gzip format"),
    ];
    for (name, bytes, expected) in cases {
        let file = dir.path().join("broken.tar.gz");
        fs::write(&file, bytes)?;
        let dest = dir.path().join(name);
        let error = unpack(&cx, &cx.reporter.task("t"), &file, &dest).unwrap_err();
        assert!(format!("{error:#}").contains(expected), "{name}: {error:#}");
    }
    let error = unpack(&cx, &cx.reporter.task("t"), &whole, dir.path()).unwrap_err();
    assert!(format!("{error:#}").contains("not empty"), "{error:#}");
    Ok(())
}
