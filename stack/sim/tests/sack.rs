//! The sender that heeds SACK (RFC 6675): needs the feature of that name.
#![cfg(feature = "sack")]

use linnet_sim::packetdrill::{Options, Report, Result, find, run};
use linnet_sim::peer::Bench;
use linnet_wire::seq::SeqNum;
use linnet_wire::tcp_options::{MAX_SACK_BLOCKS, Options as TcpOptions, SackBlock};
use std::path::Path;

#[test]
fn its_scripts_pass() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("packetdrill-sack");
    let mut report = Report::default();
    for path in find(&[folder]).expect("the folder") {
        let text = std::fs::read_to_string(&path).expect("a script");
        report.results.push(Result { outcome: run(&text, &Options::default()), path });
    }
    assert_eq!(report.counts(), (report.results.len(), 0, 0), "{}", report.text());
}

/// The security checklist, item 3: blocks that cannot be, and thousands of tiny ones.
#[test]
fn forged_blocks_mark_nothing() {
    let mut bench = Bench::new();
    bench.next.options.sack_permitted = true;
    let (mut bench, _, socket) = bench.accepted();
    bench.next.window = u16::MAX;
    bench.send();
    bench.node.send(socket, &[7; 14_000]).expect("room");
    bench.sent();
    let una = bench.next.ack;
    let report = |bench: &mut Bench, blocks: &[(u32, u32)]| {
        let mut sack = [SackBlock::default(); MAX_SACK_BLOCKS];
        for (slot, (start, end)) in sack.iter_mut().zip(blocks) {
            let at = |offset: u32| SeqNum(una.wrapping_add(offset));
            *slot = SackBlock { start: at(*start), end: at(*end) };
        }
        let sack_count = blocks.len() as u8;
        bench.try_with(|segment| segment.options = TcpOptions { sack, sack_count, ..TcpOptions::default() });
        bench.node.info(socket).sacked
    };
    let below = 0u32.wrapping_sub(5000);
    for (name, blocks) in [
        ("beyond what was sent", &[(1460, 1 << 20)][..]),
        ("below what is acknowledged", &[(below, 1460)]),
        ("inverted", &[(4380, 1460)]),
        ("empty", &[(1460, 1460)]),
        ("around the world", &[(1460, 1 << 31)]),
        ("less than a segment", &[(1461, 2920), (2921, 4379)]),
    ] {
        assert_eq!(report(&mut bench, blocks), 0, "{name}");
    }
    for tiny in 0..10_000 {
        let at = 1460 + tiny % 10_000;
        assert_eq!(report(&mut bench, &[(at, at + 1), (at + 2, at + 3), (at + 4, at + 5)]), 0);
    }
    assert_eq!(bench.node.info(socket).ca_state, 0);
    // One that can be, in the midst of overlapping ones.
    assert_eq!(report(&mut bench, &[(1460, 4380), (2920, 4380), (1460, 2920)]), 2);
}
