//! How fast a download is in virtual time: floors that a change must not break unnoticed.

use linnet_core::socket::Common;
use linnet_sim::link::Impairment;
use linnet_sim::pair::Pair;
use linnet_sim::transfer::{Plan, converse};

/// Milliseconds for `bytes` from one node to the other over `what`, with 256 KB of buffers.
fn download(what: Impairment, bytes: usize, seed: u64) -> u64 {
    let mut pair = Pair::new(what, 8 << 20, seed);
    let idle = Plan { bytes: 0, write: 4096, read: 65_536, patience: 1, no_delay: false };
    let buffers = Common { receive_buffer: 512 << 10, send_buffer: 512 << 10, ..Common::DEFAULT };
    let sides = converse(&mut pair, [idle, Plan { bytes, write: 16_384, ..idle }], buffers, 3_600_000);
    assert_eq!((sides[0].received, sides[0].error), (bytes, None));
    pair.now
}

#[test]
fn a_clean_long_path_is_filled() {
    // 100 ms there and back, 1 MB/s: slow start takes about a second, the rest is at full rate.
    let what = Impairment { delay: 50, bandwidth: 1000, queue: 200, ..Impairment::default() };
    let took = download(what, 2_000_000, 1);
    assert!(took < 4500, "{took} ms");
}

#[test]
fn one_percent_of_loss_is_repaired_without_timeouts() {
    // The square-root law gives Reno about 170 KB/s here.
    let what = Impairment { delay: 50, loss: 10, ..Impairment::default() };
    let mut times: Vec<_> = (0..9).map(|seed| download(what, 1_000_000, seed)).collect();
    times.sort_unstable();
    assert!(times[4] < 9000, "{times:?} ms");
}

#[test]
fn reordering_and_duplication_cost_little() {
    let what = Impairment { delay: 20, duplication: 20, reordering: 20, ..Impairment::default() };
    let mut times: Vec<_> = (0..9).map(|seed| download(what, 1_000_000, seed)).collect();
    times.sort_unstable();
    assert!(times[4] < 6000, "{times:?} ms");
}
