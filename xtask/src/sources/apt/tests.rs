//! The private apt: what it is asked, what it answers, what is refused.

use super::super::fixture::context;
use super::super::hash::Hash;
use super::*;

/// An archive of packages in `dir` with one source package, not signed by anybody.
fn unsigned_archive(dir: &Path) -> Result<()> {
    let index = dir.join("dists/trixie/main/source");
    fs::create_dir_all(&index)?;
    let text = "Package: musl\nVersion: 1.2.9-1\nDirectory: pool\n\n";
    fs::write(index.join("Sources"), text)?;
    let (hash, size) = (Hash::of(text.as_bytes()), text.len());
    let release = format!("Origin: Debian\nCodename: trixie\nSHA256:\n {hash} {size} main/source/Sources\n");
    fs::write(dir.join("dists/trixie/Release"), release)?;
    Ok(())
}

#[test]
fn an_unsigned_archive_is_not_believed() -> Result<()> {
    if !Path::new("/usr/bin/apt-get").exists() {
        return Ok(());
    }
    let dir = tempfile::tempdir()?;
    unsigned_archive(&dir.path().join("archive"))?;
    let cx = context(dir.path())?;
    let task = cx.reporter.task("t");
    let private = dir.path().join("private");
    let config = configuration(&private);
    let apt = Apt {
        config: private.join("apt.conf"),
        log: dir.path().join("log"),
        just_updated: true,
        incomplete: None,
        dir: private,
    };
    let uri = dir.path().join("archive").display().to_string();
    apt.write(&config, &format!("Types: deb-src\nURIs: file:{uri}\nSuites: trixie\nComponents: main\n"))?;
    let mut update = command("apt-get");
    update.arg("-c").arg(&apt.config).args(["-q", "update"]);
    assert!(process::run(&cx, &task, &mut update, &apt.log).is_err());
    assert!(fs::read_to_string(&apt.log)?.contains("is not signed"));
    assert!(apt.records(&cx, &task, "musl").is_err());
    Ok(())
}

#[test]
fn only_lists_for_the_same_configuration_are_fresh() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let stamp = dir.path().join("updated");
    assert!(!is_fresh(&stamp, "a"));
    fs::write(&stamp, "a")?;
    assert!(is_fresh(&stamp, "a") && !is_fresh(&stamp, "b"));
    let old = std::time::SystemTime::now() - FRESH * 2;
    fs::File::options().write(true).open(&stamp)?.set_modified(old)?;
    assert!(!is_fresh(&stamp, "a"));
    Ok(())
}
