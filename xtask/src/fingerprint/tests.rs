//! What changes a fingerprint and what does not; the cache of hashes under changing files.

use super::*;
use std::fs::File;
use std::os::unix::fs::symlink;
use std::time::{Duration, SystemTime};

fn hashes(dir: &Path) -> Arc<FileHashes> {
    Arc::new(FileHashes::load(&dir.join("hashes.txt")))
}

#[test]
fn order_of_insertion_does_not_count() {
    let temp = tempfile::tempdir().unwrap();
    let (mut a, mut b) = (Fingerprint::new(&hashes(temp.path())), Fingerprint::new(&hashes(temp.path())));
    a.text("x", "1");
    a.bytes("y", b"2");
    b.bytes("y", b"2");
    b.text("x", "1");
    assert_eq!(a.digest(), b.digest());
    assert_eq!(a.to_text().lines().next(), Some("x\t=1"));
}

type Case = (&'static str, fn(&Path));

#[test]
fn everything_about_a_tree_counts() {
    let cases: [Case; 6] = [
        ("content", |d| fs::write(d.join("a"), "other").unwrap()),
        ("new file", |d| fs::write(d.join("c"), "").unwrap()),
        ("removed file", |d| fs::remove_file(d.join("sub/b")).unwrap()),
        ("renamed file", |d| fs::rename(d.join("a"), d.join("z")).unwrap()),
        ("executable bit", |d| {
            fs::set_permissions(d.join("a"), fs::Permissions::from_mode(0o755)).unwrap();
        }),
        ("link target", |d| {
            fs::remove_file(d.join("link")).unwrap();
            symlink("sub/b", d.join("link")).unwrap();
        }),
    ];
    for (name, change) in cases {
        let temp = tempfile::tempdir().unwrap();
        let dir = temp.path().join("tree");
        fs::create_dir_all(dir.join("sub")).unwrap();
        fs::write(dir.join("a"), "a").unwrap();
        fs::write(dir.join("sub/b"), "b").unwrap();
        symlink("a", dir.join("link")).unwrap();
        let take = || {
            let mut f = Fingerprint::new(&hashes(temp.path()));
            f.tree("tree", &dir).unwrap();
            f.digest()
        };
        let before = take();
        assert_eq!(before, take(), "{name}: stable");
        change(&dir);
        assert_ne!(before, take(), "{name}");
    }
}

#[test]
fn a_settled_file_is_not_read_again_and_a_changed_one_is() {
    let temp = tempfile::tempdir().unwrap();
    let file = temp.path().join("f");
    fs::write(&file, "one").unwrap();
    let first = hashes(temp.path());
    let one = first.sha256(&file).unwrap();
    assert_eq!(one, sha256_hex(b"one"));
    first.save();
    // Too fresh to be remembered: the clock could hide a second change.
    assert!(!temp.path().join("hashes.txt").exists());

    std::thread::sleep(Duration::from_millis(1100));
    first.sha256(&file).unwrap();
    first.save();
    assert!(fs::read_to_string(temp.path().join("hashes.txt")).unwrap().contains(&one));

    fs::write(&file, "two").unwrap();
    let set = SystemTime::now() - Duration::from_secs(5);
    File::options().write(true).open(&file).unwrap().set_modified(set).unwrap();
    assert_eq!(hashes(temp.path()).sha256(&file).unwrap(), sha256_hex(b"two"), "the change time tells");
}

#[test]
fn a_damaged_table_is_ignored() {
    let temp = tempfile::tempdir().unwrap();
    fs::write(temp.path().join("hashes.txt"), b"rubbish\n\xff\xfe").unwrap();
    fs::write(temp.path().join("f"), "x").unwrap();
    assert_eq!(hashes(temp.path()).sha256(&temp.path().join("f")).unwrap(), sha256_hex(b"x"));
}

#[test]
fn changes_name_what_differs() {
    let temp = tempfile::tempdir().unwrap();
    let mut now = Fingerprint::new(&hashes(temp.path()));
    now.text("version", "2");
    now.text("same", "s");
    now.bytes("blob", b"new");
    now.text("added", "");
    let old = format!("blob\t{}\ngone\t=1\nsame\t=s\nversion\t=1\n", sha256_hex(b"old"));
    assert_eq!(
        now.changes_since(&old),
        [
            Change::Added("added".into()),
            Change::Changed("blob".into(), None),
            Change::Removed("gone".into()),
            Change::Changed("version".into(), Some(("1".into(), "2".into()))),
        ]
    );
}
