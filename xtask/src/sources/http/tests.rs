//! Downloads from a server that misbehaves.

use super::super::fixture::{Answer, Request, Server, content, context, hasty};
use super::*;

use std::fs;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

/// Longer than what the kernel buffers of a connection, so that "broke off" is in the middle.
const LENGTH: usize = 300_000;

/// A download into a folder of its own.
struct Bench {
    cx: Context,
    web: Downloader,
    part: PathBuf,
    _dir: TempDir,
}

impl Bench {
    fn new() -> Result<Self> {
        let dir = tempfile::tempdir()?;
        let cx = context(dir.path())?;
        Ok(Self { cx, web: Downloader::new(hasty())?, part: dir.path().join("x.part"), _dir: dir })
    }

    /// Fetches what must have `expected`; the error is as the user would read it.
    fn fetch(&self, urls: &[Url], expected: &[u8]) -> Result<Url, String> {
        let hash = Hash::of(expected);
        let wanted = Wanted { title: "x-1.tar.gz", urls, content: Some((expected.len() as u64, &hash)) };
        let on_wrong = |url: &Url, got: Hash| {
            fs::rename(&self.part, self.part.with_extension("rejected"))?;
            Ok(format!("wrong hash {got} from {url}"))
        };
        let task = self.cx.reporter.task("t");
        let url =
            self.web.fetch(&self.cx, &task, wanted, &self.part, on_wrong).map_err(|e| format!("{e:#}"))?;
        match fs::read(&self.part) {
            Ok(bytes) if bytes == expected => Ok(url),
            other => panic!("not what was wanted: {:?} bytes", other.map(|bytes| bytes.len())),
        }
    }

    /// Fetches from one server that answers by `answer`.
    fn from(
        &self,
        expected: &[u8],
        answer: impl Fn(usize, &Request) -> Answer + Send + Sync + 'static,
    ) -> Result<(Result<Url, String>, Vec<Request>)> {
        let server = Server::start(answer)?;
        let result = self.fetch(&[server.url("x")?], expected);
        Ok((result, server.requests()))
    }
}

fn ok(body: &[u8]) -> Answer {
    Answer::File(body.to_vec(), "v1")
}

fn says_only(status: &'static str) -> Answer {
    Answer::Whole(status, Vec::new(), Vec::new())
}

#[test]
fn failures_that_pass_are_survived() -> Result<()> {
    type Script = fn(usize, Vec<u8>) -> Answer;
    let cases: [(&str, usize, Script); 9] = [
        ("nothing wrong", 1, |_, file| Answer::File(file, "v1")),
        ("broken off, resumed", 2, |n, file| match n {
            0 => Answer::Cut(file, LENGTH / 2),
            _ => Answer::File(file, "v1"),
        }),
        ("broken off again and again, a little further each time", 3, |n, file| match n {
            0 => Answer::Cut(file, LENGTH / 3),
            1 => Answer::Cut(file, LENGTH / 2),
            _ => Answer::File(file, "v1"),
        }),
        ("broken off, server without ranges", 2, |n, file| match n {
            0 => Answer::Cut(file, LENGTH / 2),
            _ => Answer::Whole("200 OK", Vec::new(), file),
        }),
        ("broken off, another version since", 2, |n, file| match n {
            0 => Answer::Cut(vec![7; LENGTH], LENGTH / 2),
            _ => Answer::File(file, "v2"),
        }),
        ("silent in the middle", 2, |n, file| match n {
            0 => Answer::Stuck(file, LENGTH / 2),
            _ => Answer::File(file, "v1"),
        }),
        ("overloaded", 3, |n, file| match n {
            0 => says_only("503 Service Unavailable"),
            1 => Answer::Whole("429 Too Many Requests", vec!["Retry-After: 3600".to_owned()], Vec::new()),
            _ => Answer::File(file, "v1"),
        }),
        ("another range than asked for", 3, |n, file| match n {
            0 => Answer::Cut(file, LENGTH / 2),
            1 => Answer::Whole(
                "206 Partial Content",
                vec![format!("Content-Range: bytes 0-9/{LENGTH}")],
                vec![0; 10],
            ),
            _ => Answer::File(file, "v1"),
        }),
        ("silent from the start", 2, |n, file| match n {
            0 => Answer::Drip(0, Duration::from_secs(60)),
            _ => Answer::File(file, "v1"),
        }),
    ];
    for (name, requests, script) in cases {
        let (bench, file) = (Bench::new()?, content(LENGTH));
        let body = file.clone();
        let (result, asked) = bench.from(&file, move |n, _| script(n, body.clone()))?;
        assert!(result.is_ok(), "{name}: {result:?}");
        assert_eq!(asked.len(), requests, "{name}: {asked:?}");
    }
    Ok(())
}

#[test]
fn a_resumed_transfer_asks_for_the_rest_of_the_same_version() -> Result<()> {
    let (bench, file) = (Bench::new()?, content(LENGTH));
    let body = file.clone();
    let (_, asked) = bench.from(&file, move |n, _| match n {
        0 => Answer::Cut(body.clone(), LENGTH / 2),
        _ => ok(&body),
    })?;
    assert_eq!(asked[0].headers.get("range"), None);
    assert_eq!(asked[1].headers.get("range"), Some(&format!("bytes={}-", LENGTH / 2)));
    assert_eq!(asked[1].headers.get("if-range").map(String::as_str), Some("\"v1\""));
    assert_eq!(asked[1].headers.get("accept-encoding").map(String::as_str), Some("identity"));
    Ok(())
}

#[test]
fn redirects_are_followed_but_not_for_ever() -> Result<()> {
    let (bench, file) = (Bench::new()?, content(100));
    let body = file.clone();
    let moved = |to: &str| Answer::Whole("302 Found", vec![format!("Location: {to}")], Vec::new());
    let (result, asked) = bench.from(&file, move |_, request| match request.target.as_str() {
        "/x" => moved("/y"),
        _ => ok(&body),
    })?;
    assert!(result.is_ok(), "{result:?}");
    assert_eq!(asked.len(), 2);
    let (result, asked) = Bench::new()?.from(&file, move |_, _| moved("/x"))?;
    assert!(result.is_err_and(|why| why.contains("redirects without end")));
    assert!(asked.len() < 20);
    Ok(())
}

#[test]
fn failures_that_stay_are_told_and_bounded() -> Result<()> {
    type Script = fn(&[u8]) -> Answer;
    let cases: [(&str, usize, Script, &str); 9] = [
        ("not there", 1, |_| says_only("404 Not Found"), "404 Not Found"),
        ("forbidden", 1, |_| says_only("403 Forbidden"), "403 Forbidden"),
        (
            "overloaded for good",
            3,
            |_| says_only("503 Service Unavailable"),
            "given up after 3 tries: the server says 503",
        ),
        (
            "always cut at the same place",
            3,
            |file| Answer::Cut(file.to_vec(), 1000),
            "given up after 3 tries: broke off",
        ),
        ("a drip", 3, |_| Answer::Drip(1, Duration::from_millis(50)), "slower than 10000 bytes a second"),
        ("without end", 1, |_| Answer::Drip(1 << 16, Duration::ZERO), "sends more than the 300000 bytes"),
        (
            "a longer file",
            1,
            |file| ok(&[file, b"."].concat()),
            "has a file of 300001 bytes, the locked one has 300000",
        ),
        ("other bytes", 1, |file| ok(&vec![0; file.len()]), "wrong hash"),
        ("a page for a file", 1, |_| ok(b"<html>"), "has a file of 6 bytes"),
    ];
    for (name, requests, script, expected) in cases {
        let (bench, file) = (Bench::new()?, content(LENGTH));
        let body = file.clone();
        let (result, asked) = bench.from(&file, move |_, _| script(&body))?;
        let why = result.map(|_| ()).unwrap_err();
        assert!(why.contains(expected), "{name}: {why:?} should contain {expected:?}");
        assert!(why.starts_with("x-1.tar.gz could not be downloaded:\n  http://127.0.0.1:"), "{name}: {why}");
        assert_eq!(asked.len(), requests, "{name}");
    }
    Ok(())
}

#[test]
fn the_next_mirror_is_tried() -> Result<()> {
    type Script = fn(&[u8]) -> Answer;
    let cases: [(&str, Script); 4] = [
        ("not there", |_| says_only("404 Not Found")),
        ("wrong bytes", |file| ok(&vec![0; file.len()])),
        ("cut", |file| Answer::Cut(file.to_vec(), 1000)),
        ("overloaded", |_| says_only("500 Internal Server Error")),
    ];
    for (name, script) in cases {
        let (bench, file) = (Bench::new()?, content(LENGTH));
        let (bad, good) = (file.clone(), file.clone());
        let (bad, good) = (Server::start(move |_, _| script(&bad))?, Server::start(move |_, _| ok(&good))?);
        let (first, second) = (bad.url("x")?, good.url("x")?);
        assert_eq!(bench.fetch(&[first, second.clone()], &file), Ok(second), "{name}");
        assert_eq!(good.requests().len(), 1, "{name}");
    }
    Ok(())
}

#[test]
fn what_another_mirror_began_goes_on_if_it_fits() -> Result<()> {
    let file = content(LENGTH);
    // (bytes there already, requests): bytes that do not fit cost one download from the start.
    let other = vec![9; LENGTH / 2];
    for (name, begun, requests) in [("fits", &file[..LENGTH / 2], 1), ("does not fit", &other[..], 2)] {
        let bench = Bench::new()?;
        fs::write(&bench.part, begun)?;
        let body = file.clone();
        let (result, asked) = bench.from(&file, move |_, _| ok(&body))?;
        assert!(result.is_ok(), "{name}: {result:?}");
        assert_eq!(asked.len(), requests, "{name}");
        assert_eq!(asked[0].headers.get("range"), Some(&format!("bytes={}-", LENGTH / 2)), "{name}");
    }
    Ok(())
}

#[test]
fn what_cannot_be_reached_is_left_at_once_and_remembered() -> Result<()> {
    let (bench, file) = (Bench::new()?, content(100));
    let body = file.clone();
    let good = Server::start(move |_, _| ok(&body))?;
    let closed = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let nobody: Url = format!("http://localhost:{closed}/x").parse()?;
    let nameless: Url = "http://no-such-host.invalid/x".parse()?;
    let start = Instant::now();
    assert_eq!(
        bench.fetch(&[nobody.clone(), nameless.clone(), good.url("x")?], &file),
        good.url("x").map_err(|e| e.to_string())
    );
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    fs::remove_file(&bench.part)?;
    let why = bench.fetch(&[nobody, nameless], &file).unwrap_err();
    assert_eq!(why.matches("tried before").count(), 2, "{why}");
    Ok(())
}

#[test]
fn a_full_disk_is_no_fault_of_the_mirror() -> Result<()> {
    let (bench, file) = (Bench::new()?, content(LENGTH));
    std::os::unix::fs::symlink("/dev/full", &bench.part)?;
    let body = file.clone();
    let server = Server::start(move |_, _| ok(&body))?;
    let hash = Hash::of(&file);
    let urls = [server.url("x")?, server.url("y")?];
    let wanted = Wanted { title: "x", urls: &urls, content: Some((LENGTH as u64, &hash)) };
    let task = bench.cx.reporter.task("t");
    let error = bench.web.fetch(&bench.cx, &task, wanted, &bench.part, |_, _| Ok(String::new())).unwrap_err();
    assert!(crate::report::is_disk_full(&error), "{error:#}");
    assert_eq!(server.requests().len(), 1);
    Ok(())
}

#[test]
fn an_interrupt_ends_it() -> Result<()> {
    let (bench, file) = (Bench::new()?, content(LENGTH));
    bench.cx.interrupt.cancel();
    let body = file.clone();
    let (result, _) = bench.from(&file, move |_, _| ok(&body))?;
    assert!(result.is_err_and(|why| why.contains("stopped")));
    Ok(())
}

#[test]
fn without_a_hash_whatever_comes_is_taken() -> Result<()> {
    let (bench, file) = (Bench::new()?, content(LENGTH));
    fs::write(&bench.part, b"left from before")?;
    let body = file.clone();
    let server = Server::start(move |n, _| match n {
        0 => Answer::Cut(body.clone(), LENGTH / 2),
        _ => ok(&body),
    })?;
    let urls = [server.url("x")?];
    let wanted = Wanted { title: "x", urls: &urls, content: None };
    let task = bench.cx.reporter.task("t");
    bench.web.fetch(&bench.cx, &task, wanted, &bench.part, |_, _| Ok(String::new()))?;
    assert_eq!(fs::read(&bench.part)?, file);
    assert_eq!(server.requests()[1].headers.get("if-range").map(String::as_str), Some("\"v1\""));
    Ok(())
}

/// Not a test of its own: what [`child`] runs in another process.
#[test]
fn in_another_process() -> Result<()> {
    let (Ok(url), Ok(part)) = (std::env::var("LINNET_TEST_URL"), std::env::var("LINNET_TEST_PART")) else {
        return Ok(()); // run with all the others
    };
    let mut bench = Bench::new()?;
    bench.part = PathBuf::from(part);
    bench.fetch(&[url.parse()?], &content(LENGTH)).map(drop).map_err(anyhow::Error::msg)
}

/// This program again, fetching `url` into `part` with `extra` in its environment.
fn child(url: &Url, part: &Path, extra: &[(&str, &str)]) -> Result<Child> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["--exact", "sources::http::tests::in_another_process"]);
    command.env("LINNET_TEST_URL", url.as_str()).env("LINNET_TEST_PART", part);
    command.envs(extra.iter().copied()).stdout(Stdio::null());
    Ok(command.spawn()?)
}

#[test]
fn a_killed_download_is_resumed() -> Result<()> {
    let (bench, file) = (Bench::new()?, content(LENGTH));
    let body = file.clone();
    let server = Server::start(move |n, _| match n {
        0 => Answer::Stuck(body.clone(), LENGTH / 2),
        _ => ok(&body),
    })?;
    let mut victim = child(&server.url("x")?, &bench.part, &[])?;
    let patience = Instant::now() + Duration::from_secs(20);
    while fs::metadata(&bench.part).map_or(0, |m| m.len()) < LENGTH as u64 / 2 && Instant::now() < patience {
        std::thread::sleep(Duration::from_millis(5));
    }
    victim.kill()?;
    victim.wait()?;
    assert_eq!(bench.fetch(&[server.url("x")?], &file), server.url("x").map_err(|e| e.to_string()));
    let asked = server.requests();
    assert_eq!(
        asked.last().and_then(|last| last.headers.get("range")),
        Some(&format!("bytes={}-", LENGTH / 2))
    );
    Ok(())
}

#[test]
fn a_proxy_of_the_environment_is_asked() -> Result<()> {
    let (bench, file) = (Bench::new()?, content(LENGTH));
    let proxy = Server::start(move |_, _| ok(&file))?;
    let url: Url = "http://no-such-host.invalid/x".parse()?;
    let address = proxy.url("")?;
    let status = child(&url, &bench.part, &[("http_proxy", address.as_str()), ("no_proxy", "")])?.wait()?;
    assert!(status.success());
    assert_eq!(proxy.requests()[0].target, url.as_str());
    Ok(())
}
