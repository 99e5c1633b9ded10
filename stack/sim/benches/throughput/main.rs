//! `core` beside smoltcp, each against itself over a link in memory: bytes and exchanges in a second of CPU.
//!
//! Both compute all checksums, take what the program sends by one copy, and hand frames on at once; the clock
//! advances by a millisecond a turn. Printed is the best of several runs that alternate: other processes only
//! take time away. `cargo bench -p linnet-sim --bench throughput`.

mod ours;
mod smol;

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// Bytes of a bulk transfer.
const BULK: usize = 64 << 20;
/// Requests, each with its answer.
const EXCHANGES: usize = 100_000;
/// Bytes of a request and of an answer.
const MESSAGE: usize = 64;
/// Bytes of each buffer of a socket.
const BUFFER: usize = 256 << 10;
/// Bytes that the program hands over or takes at once.
const CHUNK: usize = 16 << 10;
/// Runs of each.
const RUNS: usize = 5;

/// Two ends of a connection.
trait Ends {
    /// Connected.
    fn new() -> Self;
    /// Sends what fits of `bytes` from an end.
    fn send(&mut self, end: usize, bytes: &[u8]) -> usize;
    /// Takes what has come to an end, and returns how much that was.
    fn take(&mut self, end: usize, into: &mut [u8]) -> usize;
    /// Carries frames until there are none.
    fn carry(&mut self);
}

fn main() {
    let mut best = [Duration::MAX; 4];
    for _ in 0..RUNS {
        let runs = [bulk::<ours::Pair>, bulk::<smol::Pair>, exchanges::<ours::Pair>, exchanges::<smol::Pair>];
        for (best, run) in best.iter_mut().zip(runs) {
            *best = (*best).min(timed(run));
        }
    }
    let rate = |amount: usize, time: Duration| amount as f64 / time.as_secs_f64();
    let [ours, smoltcp, ours_exchange, smoltcp_exchange] = best;
    println!("bulk {:.0} {:.0}", rate(BULK, ours) / 1e6, rate(BULK, smoltcp) / 1e6);
    println!("exchange {:.0} {:.0}", rate(EXCHANGES, ours_exchange), rate(EXCHANGES, smoltcp_exchange));
}

fn bulk<E: Ends>() {
    let (mut ends, bytes, mut into) = (E::new(), vec![0x5a; CHUNK], vec![0; CHUNK]);
    let (mut sent, mut taken) = (0, 0);
    while taken < BULK {
        while sent < BULK {
            let count = ends.send(0, &bytes[..CHUNK.min(BULK - sent)]);
            if count == 0 {
                break;
            }
            sent += count;
        }
        ends.carry();
        loop {
            let count = ends.take(1, &mut into);
            if count == 0 {
                break;
            }
            assert!(into[..count].iter().step_by(997).all(|byte| *byte == 0x5a), "the bytes that were sent");
            taken += count;
        }
        ends.carry();
    }
}

fn exchanges<E: Ends>() {
    let (mut ends, message, mut into) = (E::new(), [0x5a; MESSAGE], [0; MESSAGE]);
    for _ in 0..EXCHANGES {
        for end in [0, 1] {
            assert_eq!(ends.send(end, &message), MESSAGE, "room for one message");
            ends.carry();
            assert_eq!(ends.take(1 - end, &mut into), MESSAGE, "the whole message");
        }
    }
}

/// The time that the processor spent on it.
fn timed(run: fn()) -> Duration {
    let now = || {
        let time = clock_gettime(ClockId::ThreadCPUTime);
        Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
    };
    let start = now();
    run();
    now() - start
}
