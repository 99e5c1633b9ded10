//! Our own packetdrill scripts: each says in its first lines what it is about.

use linnet_sim::packetdrill::{Options, Outcome, Report, Result, find, run};
use std::path::Path;

#[test]
fn every_script_passes() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("packetdrill");
    let mut report = Report::default();
    for path in find(std::slice::from_ref(&folder)).expect("the folder") {
        let text = std::fs::read_to_string(&path).expect("a script");
        report.results.push(Result { outcome: run(&text, &Options::default()), path });
    }
    let (passed, ..) = report.counts();
    assert!(passed >= 25 && passed == report.results.len(), "{}", report.text());
}

/// Runs the events `more` after a handshake in which the peer takes segments of 1000 bytes.
fn after_handshake(more: &str) -> Outcome {
    let opening = "0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n+0 bind(3, ..., ...) = 0\n+0 listen(3, 1) = 0\n\
        +0 < S 0:0(0) win 60000 <mss 1000>\n+0 > S. 0:0(0) ack 1 <...>\n+.1 < . 1:1(0) ack 1 win 60000\n\
        +0 accept(3, ..., ...) = 4\n";
    run(&format!("{opening}{more}"), &Options::default())
}

#[test]
fn what_differs_is_a_failure_that_says_where_and_how() {
    let write = "+0 write(4, ..., 10) = 10\n";
    for (name, more, line, expected, got) in [
        ("a flag", "+0 > . 1:11(10) ack 1", 9, ". 1:11(10) ack 1", "P. 1:11(10) ack 1"),
        ("a length", "+0 > P. 1:10(9) ack 1", 9, "P. 1:10(9) ack 1", "P. 1:11(10) ack 1"),
        ("a number", "+0 > P. 2:12(10) ack 1", 9, "P. 2:12(10) ack 1", "P. 1:11(10) ack 1"),
        ("an acknowledgment", "+0 > P. 1:11(10) ack 2", 9, "P. 1:11(10) ack 2", "P. 1:11(10) ack 1"),
        ("a window", "+0 > P. 1:11(10) ack 1 win 1", 9, "ack 1 win 1", "ack 1 win 65535"),
        ("an option", "+0 > P. 1:11(10) ack 1 <mss 5>", 9, "<mss 5>", "P. 1:11(10) ack 1"),
        ("too late", "+.1 > P. 1:11(10) ack 1", 9, "at 0.200000 s", "at 0.100000 s"),
        ("too early", "* > P. 1:11(10) ack 1\n+.9 > P. 1:11(10) ack 1", 10, "at 1.000000 s", "at 0.400000 s"),
        ("nothing", "* > P. 1:11(10) ack 1\n+0 > . 1:1(0) ack 1", 10, "by 0.104000 s", "nothing was sent"),
        ("a result", "+0 read(4, ..., 5) = 5", 9, "it blocks", ""),
        ("an error", "+0 write(9, ..., 5) = 5", 9, "= 5", "-1 EBADF"),
        ("a value", "+0 %{ assert tcpi_snd_mss == 5 }%", 9, "tcpi_snd_mss == 5", "tcpi_snd_mss = 1000"),
        ("readiness", "+0 poll([{fd=4, events=POLLOUT, revents=0}], 1, 0) = 0", 9, "of 4: 0", "POLLOUT"),
        ("an end", "+0...0.5 write(4, ..., 5) = 5", 9, "0.600000 s", "0.100000 s"),
    ] {
        let Outcome::Failed { line: found, expected: wanted, got: seen } =
            after_handshake(&format!("{write}{more}"))
        else {
            panic!("{name}: no failure")
        };
        assert_eq!(found, line, "{name}");
        assert!(wanted.contains(expected) || seen.contains(expected), "{name}: {wanted}");
        assert!(seen.contains(got), "{name}: {seen}");
    }
}

#[test]
fn what_is_not_there_is_a_skip_that_names_it() {
    for (more, line, reason) in [
        ("+0 setsockopt(4, SOL_SOCKET, SO_ZEROCOPY, [1], 4) = 0", 8, "`SO_ZEROCOPY`"),
        ("+0 splice(4, NULL, 5, NULL, 1, 0) = 1", 8, "the call `splice`"),
        ("+0 `iptables -F`", 8, "the command `iptables -F`"),
        ("+0 < [ect0] . 1:1(0) ack 1 win 1", 8, "ECN"),
        ("+0 %{ import os }%", 8, "Python"),
        ("+0 `sysctl -q net.ipv4.tcp_sack=0`\n+0 > . 1:1(0) ack 5", 9, "without tcp_sack=0"),
        ("+0 socket(AF_INET6, SOCK_STREAM, IPPROTO_TCP) = 5", 8, "IPv6"),
    ] {
        match after_handshake(more) {
            Outcome::Skipped { line: found, reason: why } => {
                assert!(found == line && why.contains(reason), "{more}: line {found}: {why}");
            }
            other => panic!("{more}: {other:?}"),
        }
    }
    let six = run("--ip_version=ipv6\n0 `true`", &Options::default());
    assert_eq!(six, Outcome::Skipped { line: 1, reason: "IPv6".into() });
}
