//! Congestion control: Reno with NewReno's recovery (RFC 5681, RFC 6582, RFC 3042).
//!
//! Counts bytes and never divides. It only says how much may be in flight and what to send
//! again; sending is the caller's.

use linnet_wire::seq::SeqNum;

/// Congestion state of one connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reno {
    window: u32,
    threshold: u32,
    /// Bytes acknowledged towards the next growth in congestion avoidance.
    credit: u32,
    /// The most that was in flight in the present round, which ends with `round`.
    peak: u32,
    round: SeqNum,
    /// RFC 6582 §3.1: the highest number sent when the present or last recovery began.
    recover: SeqNum,
    phase: Phase,
    duplicates: u8,
    /// The present recovery has seen a partial acknowledgment.
    repairing: bool,
}

/// Where the connection stands with losses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// None known.
    Open,
    /// One was seen by duplicate acknowledgments and is being repaired.
    Recovery,
    /// The timer expired: everything up to the recovery point is sent again.
    Loss,
}

/// What an acknowledgment asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Advice {
    /// Nothing beyond sending what the window allows.
    Go,
    /// RFC 3042: send one new segment although the window is full.
    Limited,
    /// Send the first unacknowledged segment again, now.
    Resend,
}

/// What the send side looks like when something happens.
#[derive(Clone, Copy, Debug)]
pub struct Flight {
    /// First unacknowledged number, after the event.
    pub una: SeqNum,
    /// The next number to be sent for the first time.
    pub nxt: SeqNum,
    /// Bytes in a full segment.
    pub mss: u32,
}

impl Flight {
    const fn bytes(&self) -> u32 {
        self.nxt.since(self.una)
    }
}

/// The third duplicate counts as a loss (RFC 5681 §3.2).
const DUPLICATES: u8 = 3;

impl Reno {
    /// A fresh connection that may send `segments` full ones (RFC 6928: ten).
    pub const fn new(mss: u32, segments: u32, iss: SeqNum) -> Self {
        Self {
            window: mss.saturating_mul(segments),
            threshold: u32::MAX,
            credit: 0,
            peak: 0,
            round: iss,
            recover: iss,
            phase: Phase::Open,
            duplicates: 0,
            repairing: false,
        }
    }

    /// RFC 6582 §3.2 step 3 and §4: whether an acknowledgment up to `una` leaves the timer as it
    /// is. Only the first partial one of a recovery restarts it: when much was lost, the timeout
    /// repairs faster than one hole in a round trip.
    pub const fn is_impatient(&self, una: SeqNum) -> bool {
        matches!(self.phase, Phase::Recovery) && self.repairing && una.before(self.recover)
    }

    /// Bytes that may be in flight.
    pub const fn window(&self) -> u32 {
        self.window
    }

    /// Where slow start ends, in bytes; `u32::MAX` while nothing was lost.
    pub const fn threshold(&self) -> u32 {
        self.threshold
    }

    /// Where the connection stands with losses.
    pub const fn phase(&self) -> Phase {
        self.phase
    }

    /// Everything before this was sent when the present loss was noticed.
    pub const fn recover(&self) -> SeqNum {
        self.recover
    }

    /// New data, `acked` bytes of it, were acknowledged.
    pub fn on_ack(&mut self, acked: u32, flight: Flight) -> Advice {
        let mss = flight.mss;
        let whole = !flight.una.before(self.recover);
        match self.phase {
            Phase::Recovery if whole => {
                self.duplicates = 0;
                // RFC 6582 §3.2 step 3, a full acknowledgment: option 1, no burst.
                self.window = self.threshold.min(flight.bytes().max(mss).saturating_add(mss));
                self.phase = Phase::Open;
                Advice::Go
            }
            Phase::Recovery => {
                // RFC 6582 §3.2 step 3, a partial one: deflate, and repair the next hole.
                self.repairing = true;
                self.duplicates = 0;
                self.window = self.window.saturating_sub(acked);
                if acked >= mss {
                    self.window = self.window.saturating_add(mss);
                }
                self.window = self.window.max(mss);
                Advice::Resend
            }
            Phase::Open | Phase::Loss => {
                if whole {
                    self.phase = Phase::Open;
                }
                // RFC 2861's reason, as Linux: a window that was not used in a round proves nothing.
                let before = flight.bytes().saturating_add(acked);
                // What duplicates reported as arrived, RFC 3042 has answered.
                let credit = u32::from(core::mem::take(&mut self.duplicates)) * mss;
                let acked = acked.saturating_sub(credit).max(acked.min(mss));
                if before > self.peak || flight.una.after(self.round) {
                    self.peak = before;
                    self.round = flight.nxt;
                }
                if self.window < self.threshold {
                    if self.phase == Phase::Loss || self.window < self.peak << 1 {
                        // RFC 5681 §3.1. As Linux, by all that was acknowledged: receivers acknowledge
                        // bursts at once, and RFC 3465's limit of two segments would hold them to that.
                        // After a timeout it holds: one acknowledgment may cover everything.
                        let growth = if self.phase == Phase::Loss { acked.min(mss) } else { acked };
                        self.window = self.window.saturating_add(growth).min(self.threshold.max(self.window));
                    }
                } else if self.peak.saturating_add(mss) > self.window {
                    // RFC 5681 §3.1: one segment a round trip, by RFC 3465's counting.
                    self.credit = self.credit.saturating_add(acked);
                    if self.credit >= self.window {
                        self.credit -= self.window;
                        self.window = self.window.saturating_add(mss);
                    }
                }
                Advice::Go
            }
        }
    }

    /// The same number was acknowledged again while data was outstanding.
    pub fn on_duplicate(&mut self, flight: Flight) -> Advice {
        match self.phase {
            Phase::Loss => Advice::Go,
            Phase::Recovery => {
                // RFC 6582 §3.2 step 4: one more segment has left the network.
                self.window = self.window.saturating_add(flight.mss);
                Advice::Go
            }
            Phase::Open => {
                self.duplicates = self.duplicates.saturating_add(1);
                if self.duplicates < DUPLICATES {
                    return Advice::Limited;
                }
                // RFC 6582 §3.2 step 1: not twice for one window of data, nor for the echo of what
                // was sent again in vain: only what was sent since then tells of a new loss.
                if self.duplicates > DUPLICATES || !flight.una.after(self.recover) {
                    return Advice::Go;
                }
                self.halve(flight);
                self.window = self.threshold.saturating_add(flight.mss * 3);
                self.recover = flight.nxt;
                self.phase = Phase::Recovery;
                self.repairing = false;
                Advice::Resend
            }
        }
    }

    /// The same, where the peer reports what it has: no more than half of the window is in the
    /// pipe afterwards (RFC 6675 §5, step 4.2). With `proven` it need not be the third.
    #[cfg(feature = "sack")]
    pub fn on_report(&mut self, flight: Flight, proven: bool) -> Advice {
        if proven {
            self.duplicates = DUPLICATES - 1;
        }
        let advice = self.on_duplicate(flight);
        if advice == Advice::Resend {
            self.window = self.threshold;
        }
        advice
    }

    /// The retransmission timer expired.
    pub fn on_timeout(&mut self, flight: Flight) {
        // RFC 5681 §3.1: a segment that is lost again does not halve again.
        if self.phase != Phase::Loss {
            self.halve(flight);
        }
        self.window = flight.mss;
        self.credit = 0;
        self.duplicates = 0;
        self.recover = flight.nxt;
        self.phase = Phase::Loss;
    }

    /// RFC 5681 §4.1: nothing was sent for a timeout; start slowly again, from `initial` bytes.
    pub fn restart(&mut self, initial: u32) {
        if self.phase == Phase::Open {
            self.window = self.window.min(initial);
        }
    }

    /// The segment size changed (path MTU): keep at least one in the window.
    pub fn resize(&mut self, mss: u32) {
        self.window = self.window.max(mss);
    }

    /// RFC 5681 equation 4.
    fn halve(&mut self, flight: Flight) {
        self.threshold = (flight.bytes() >> 1).max(flight.mss << 1);
        self.credit = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MSS: u32 = 1000;

    fn flight(una: u32, nxt: u32) -> Flight {
        Flight { una: SeqNum(una), nxt: SeqNum(nxt), mss: MSS }
    }

    #[test]
    fn slow_start_doubles_and_avoidance_adds_one_segment() {
        let mut reno = Reno::new(MSS, 10, SeqNum(0));
        for sent in 0..10 {
            reno.on_ack(MSS, flight(sent * MSS + MSS, 10 * MSS + sent * 2 * MSS));
        }
        assert_eq!(reno.window(), 20 * MSS);
        reno.threshold = reno.window();
        for _ in 0..20 {
            reno.on_ack(MSS, flight(0, 19 * MSS));
        }
        assert_eq!(reno.window(), 21 * MSS);
    }

    #[test]
    fn an_unused_window_does_not_grow() {
        let mut reno = Reno::new(MSS, 10, SeqNum(0));
        for _ in 0..100 {
            reno.on_ack(MSS, flight(0, MSS));
        }
        assert_eq!(reno.window(), 10 * MSS);
    }

    #[test]
    fn three_duplicates_repair_and_a_partial_ack_repairs_on() {
        let mut reno = Reno::new(MSS, 10, SeqNum(0));
        let all = flight(MSS, 11 * MSS);
        assert_eq!(reno.on_duplicate(all), Advice::Limited);
        assert_eq!(reno.on_duplicate(all), Advice::Limited);
        assert_eq!(reno.on_duplicate(all), Advice::Resend);
        assert_eq!((reno.threshold(), reno.window()), (5 * MSS, 8 * MSS));
        assert_eq!(reno.on_duplicate(all), Advice::Go);
        assert_eq!(reno.window(), 9 * MSS);
        assert_eq!(reno.on_ack(3 * MSS, flight(4 * MSS, 12 * MSS)), Advice::Resend);
        assert_eq!(reno.window(), 7 * MSS);
        assert_eq!(reno.on_ack(7 * MSS, flight(11 * MSS, 12 * MSS)), Advice::Go);
        assert_eq!((reno.phase(), reno.window()), (Phase::Open, 2 * MSS));
    }

    #[test]
    fn a_timeout_starts_from_one_segment_and_halves_once() {
        let mut reno = Reno::new(MSS, 10, SeqNum(0));
        reno.on_timeout(flight(0, 10 * MSS));
        assert_eq!((reno.threshold(), reno.window()), (5 * MSS, MSS));
        reno.on_timeout(flight(0, 10 * MSS));
        assert_eq!((reno.threshold(), reno.window()), (5 * MSS, MSS));
        // No fast retransmit for what was lost before the timeout.
        for _ in 0..5 {
            assert_eq!(reno.on_duplicate(flight(0, 10 * MSS)), Advice::Go);
        }
        reno.on_ack(10 * MSS, flight(10 * MSS, 10 * MSS));
        assert_eq!(reno.phase(), Phase::Open);
    }
}
