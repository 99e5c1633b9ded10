//! From the lock file to the cache: mirrors, wrong hashes, two builds at once.

use super::super::fixture::{Answer, Server, content, context, hasty};
use super::super::verify;
use super::*;

use std::fs;
use std::process::{Command, Stdio};

use tempfile::TempDir;

/// A checkout whose lock file has musl at a test's own server, with a cache of its own.
struct Bench {
    cx: Context,
    dir: TempDir,
}

impl Bench {
    /// `url` has musl's archive, which must be `expected`.
    fn new(url: &str, expected: &[u8]) -> Result<Self> {
        let dir = tempfile::tempdir()?;
        let (size, hash) = (expected.len(), Hash::of(expected));
        let other = |version: &str| format!("\n  version: {version}\n  origins: []\n");
        let text = format!(
            "linux:{}busybox:{}musl:\n  version: 1.2.4\n  origins:\n    - upstream:\n        file: musl-1.2.4.tar.gz\n        \
             urls: [{url}]\n        size: {size}\n        sha256: {hash}\n",
            other("6.12.1"),
            other("1.37.0")
        );
        fs::write(dir.path().join("sources.lock.yaml"), text)?;
        Ok(Self { cx: context(dir.path())?, dir })
    }

    /// The same with a second origin: Debian's package, which has no such version any more.
    fn with_apt(self) -> Result<Self> {
        let file = self.dir.path().join("sources.lock.yaml");
        let text = fs::read_to_string(&file)?
            + &format!(
                "    - debian:\n        package: musl\n        suites: [trixie]\n        \
                 file: musl_1.2.4.orig.tar.gz\n        size: 1\n        sha256: {}\n",
                Hash::of(b"gone")
            );
        fs::write(file, text)?;
        Ok(self)
    }

    fn get(&self) -> Result<Source> {
        let lock = Lock::read(&self.cx.paths.root)?;
        Providers::with(lock, Cache::new(&self.cx.paths.cache), hasty()).ensure(&self.cx, Name::Musl)
    }

    fn why(&self) -> String {
        self.get().map_or_else(|error| format!("{error:#}"), |source| panic!("{source:?}"))
    }

    fn cached(&self, folder: &str) -> Result<usize> {
        match fs::read_dir(self.cx.paths.cache.join(folder)) {
            Ok(entries) => Ok(entries.count()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
            Err(error) => Err(error.into()),
        }
    }
}

fn good_server(file: &[u8]) -> Result<Server> {
    let body = file.to_vec();
    Server::start(move |_, _| Answer::File(body.clone(), "v1"))
}

#[test]
fn fetched_once_then_from_the_cache() -> Result<()> {
    let file = content(1000);
    let server = good_server(&file)?;
    let mut bench = Bench::new(server.url("musl")?.as_str(), &file)?;
    let source = bench.get()?;
    assert_eq!(fs::read(&source.archive)?, file);
    assert_eq!(
        (source.version.as_str(), source.size, source.origin),
        ("1.2.4", 1000, server.url("musl")?.to_string())
    );
    bench.cx.options.offline = true;
    assert_eq!(bench.get()?.archive, source.archive);
    assert_eq!(server.requests().len(), 1);
    assert_eq!(bench.cached("partial")?, 0);
    Ok(())
}

#[test]
fn offline_without_a_cache_says_what_to_do() -> Result<()> {
    let server = good_server(b"")?;
    let mut bench = Bench::new(server.url("musl")?.as_str(), b"x")?;
    bench.cx.options.offline = true;
    let why = bench.why();
    assert!(
        why.contains("musl-1.2.4 is not in the download cache") && why.contains("sources fetch"),
        "{why}"
    );
    assert_eq!(server.requests().len(), 0);
    Ok(())
}

#[test]
fn of_a_file_with_the_wrong_hash_nothing_is_used() -> Result<()> {
    let (file, evil) = (content(1000), vec![0; 1000]);
    let server = good_server(&evil)?;
    let url = server.url("musl")?;
    let bench = Bench::new(url.as_str(), &file)?;
    let why = bench.why();
    let (expected, got) = (Hash::of(&file), Hash::of(&evil));
    for part in
        ["wrong hash: musl-1.2.4.tar.gz", url.as_str(), expected.as_str(), got.as_str(), "sources update"]
    {
        assert!(why.contains(part), "{why:?} should contain {part:?}");
    }
    assert_eq!((bench.cached("archives")?, bench.cached("rejected")?), (0, 1));
    Ok(())
}

#[test]
fn an_archive_damaged_in_the_cache_is_fetched_again() -> Result<()> {
    let file = content(1000);
    let server = good_server(&file)?;
    let bench = Bench::new(server.url("musl")?.as_str(), &file)?;
    let path = bench.get()?.archive;
    fs::remove_file(&path)?;
    fs::write(&path, "half of it")?;
    assert_eq!(fs::read(bench.get()?.archive)?, file);
    assert_eq!((server.requests().len(), bench.cached("rejected")?), (2, 1));
    Ok(())
}

#[test]
fn verify_finds_what_the_mark_hides() -> Result<()> {
    let file = content(1000);
    let server = good_server(&file)?;
    let bench = Bench::new(server.url("musl")?.as_str(), &file)?;
    let musl = |bench: &Bench| -> Result<_> {
        let all = verify::verify(&bench.cx)?;
        Ok(all.into_iter().find(|(name, _)| *name == Name::Musl).map(|(_, checks)| checks[0].state))
    };
    assert_eq!(musl(&bench)?, Some(verify::State::Missing));
    let path = bench.get()?.archive;
    assert_eq!(musl(&bench)?, Some(verify::State::Right));
    let time = fs::metadata(&path)?.modified()?;
    fs::remove_file(&path)?;
    fs::write(&path, vec![0; 1000])?;
    fs::File::options().write(true).open(&path)?.set_modified(time)?;
    assert_eq!(musl(&bench)?, Some(verify::State::Wrong));
    assert_eq!(musl(&bench)?, Some(verify::State::Missing));
    Ok(())
}

#[test]
fn a_cache_that_cannot_be_written_is_named() -> Result<()> {
    let server = good_server(b"x")?;
    let mut bench = Bench::new(server.url("musl")?.as_str(), b"x")?;
    let file = bench.dir.path().join("file");
    fs::write(&file, "")?; // root may write into every folder, but not below a file
    bench.cx.paths.cache = file.join("cache");
    let why = bench.why();
    assert!(why.contains("/file/cache") && why.contains("LINNET_CACHE"), "{why}");
    assert_eq!(server.requests().len(), 0);
    Ok(())
}

#[test]
fn two_threads_fetch_once() -> Result<()> {
    let file = content(300_000);
    let server = good_server(&file)?;
    let bench = Bench::new(server.url("musl")?.as_str(), &file)?;
    let get = || bench.get().map(|source| source.archive);
    let (first, second) = std::thread::scope(|scope| {
        let (first, second) = (scope.spawn(get), scope.spawn(get));
        (first.join(), second.join())
    });
    assert_eq!(first.ok().and_then(Result::ok), second.ok().and_then(Result::ok));
    assert_eq!(server.requests().len(), 1);
    Ok(())
}

/// Not a test of its own: what `two_processes_fetch_once` runs in other processes.
#[test]
fn in_another_process() -> Result<()> {
    let Ok(root) = std::env::var("LINNET_TEST_CHECKOUT") else { return Ok(()) }; // run with all the others
    let cx = context(Path::new(&root))?;
    let lock = Lock::read(&cx.paths.root)?;
    Providers::with(lock, Cache::new(&cx.paths.cache), hasty()).ensure(&cx, Name::Musl).map(drop)
}

#[test]
fn two_processes_fetch_once() -> Result<()> {
    let file = content(300_000);
    let server = good_server(&file)?;
    let bench = Bench::new(server.url("musl")?.as_str(), &file)?;
    let start = || {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["--exact", "sources::ensure::tests::in_another_process"]);
        command.env("LINNET_TEST_CHECKOUT", bench.dir.path()).stdout(Stdio::null()).spawn()
    };
    for mut process in [start()?, start()?] {
        assert!(process.wait()?.success());
    }
    assert_eq!((server.requests().len(), bench.cached("archives")?), (1, 2)); // archive and mark
    Ok(())
}

#[test]
fn the_newest_of_the_series_replaces() {
    let record = |upstream: &str| Record {
        version: format!("{upstream}-1"),
        upstream: Version::try_from(upstream.to_owned()).unwrap_or_else(|e| panic!("{e}")),
        directory: String::new(),
        file: String::new(),
        size: 1,
        sha256: Hash::of(upstream.as_bytes()),
    };
    let records = ["6.12.9", "6.12.107", "6.12.94", "6.13.200", "6.11.300"].map(record);
    let newest = |version: &str| {
        let version = Version::try_from(version.to_owned()).ok()?;
        newest(&records, &version).map(|record| record.upstream.as_str())
    };
    for (pinned, found) in
        [("6.12.1", Some("6.12.107")), ("6.12.107", None), ("6.12.200", None), ("6.14.1", None)]
    {
        assert_eq!(newest(pinned), found, "{pinned}");
    }
}

/// Whether this host has an apt to test with. `LINNET_TEST_OFFLINE=1` says that its mirrors are out of reach.
fn host_has_apt() -> bool {
    Path::new("/usr/bin/apt-get").exists() && std::env::var_os("LINNET_TEST_OFFLINE").is_none()
}

#[test]
fn a_replaced_version_comes_through_the_hosts_apt_unless_locked() -> Result<()> {
    if !host_has_apt() {
        return Ok(());
    }
    let mut bench = Bench::new("http://no-such-host.invalid/musl", b"x")?.with_apt()?;
    bench.cx.options.locked = true;
    let why = bench.why();
    assert!(why.contains("no-such-host.invalid") && why.contains("the newest musl there is 1.2."), "{why}");
    bench.cx.options.locked = false;
    let source = bench.get()?;
    assert_eq!((source.pinned.as_str(), source.version.same_series(&source.pinned)), ("1.2.4", true));
    assert!(
        source.version > source.pinned && source.origin.starts_with("source package musl 1.2."),
        "{source:?}"
    );
    assert_eq!(Hash::of_file(&source.archive)?, source.sha256);
    bench.cx.options.offline = true;
    assert_eq!(bench.get()?, source, "the next build needs no network to know");
    bench.cx.options.locked = true;
    assert!(bench.why().contains("not in the download cache"));
    Ok(())
}
