//! What can be looked at: `TCP_INFO`, and the lines of `/proc/net/tcp`.

use super::Tcp;
use super::connection::{Connection, Phase, Timer};
use super::reno;
use super::socket::{ANY, Socket, State};
use crate::errno::Errno;
use crate::host::Host;
use crate::net::Net;
use crate::slab::Handle;
use crate::socket::{Row, TcpInfo};
use crate::time::{Duration, Instant};

/// Linux's numbers of the states.
const SYN_RECV: u8 = 3;
const FIN_WAIT2: u8 = 5;
const TIME_WAIT: u8 = 6;
const CLOSE: u8 = 7;
const LISTEN: u8 = 10;

const fn number(phase: Phase) -> u8 {
    match phase {
        Phase::Established => 1,
        Phase::SynSent => 2,
        Phase::SynReceived => SYN_RECV,
        Phase::FinWait1 => 4,
        Phase::FinWait2 => FIN_WAIT2,
        Phase::TimeWait => TIME_WAIT,
        Phase::Closed => CLOSE,
        Phase::CloseWait => 8,
        Phase::LastAck => 9,
        Phase::Closing => 11,
    }
}

impl<H: Host> Tcp<H> {
    /// `TCP_INFO`.
    pub fn tcp_info(&self, net: &Net<H>, now: Instant, handle: Handle) -> Result<TcpInfo, Errno> {
        let socket = self.sockets.get(handle).ok_or(Errno::EINVAL)?;
        let (base, connection) = match &socket.state {
            State::Closed => return Ok(TcpInfo { state: CLOSE, ..TcpInfo::default() }),
            // As Linux: a listener shows how many wait, and how many may.
            State::Listen(listen) => {
                return Ok(TcpInfo {
                    state: LISTEN,
                    unacked: listen.waiting.into(),
                    sacked: listen.backlog.into(),
                    ..TcpInfo::default()
                });
            }
            State::Connection(connection) => (&socket.base, connection),
        };
        let Connection { send, receive, reno, rtt, .. } = connection;
        let mss = u32::from(send.mss).max(1);
        let segments = |bytes: u32| segments(bytes, mss);
        let (srtt, rttvar) = rtt.micros();
        let threshold = reno.threshold();
        let mtu = net.path_mtu(*base.peer.ip());
        Ok(TcpInfo {
            state: number(connection.phase),
            // TCP_CA_Open, _Recovery, _Loss.
            ca_state: match reno.phase() {
                reno::Phase::Open => 0,
                reno::Phase::Recovery => 3,
                reno::Phase::Loss => 4,
            },
            retransmits: send.retries,
            probes: connection.probes,
            backoff: rtt.backoff(),
            options: u8::from(connection.timestamps)
                | u8::from(connection.sack) << 1
                | u8::from(connection.scaling) << 2,
            window_scales: send.scale | receive.scale << 4,
            rto: rtt.timeout().as_millis().saturating_mul(1000),
            ato: 40_000,
            snd_mss: mss,
            rcv_mss: u32::from(receive.mss).max(536),
            unacked: segments(send.flight()),
            #[cfg(feature = "sack")]
            sacked: segments(send.sacked(send.next)),
            last_data_sent: now.since(send.last).as_millis(),
            last_data_recv: now.since(connection.heard).as_millis(),
            last_ack_recv: now.since(connection.heard).as_millis(),
            pmtu: mtu.into(),
            rcv_ssthresh: receive.window(),
            rtt: srtt,
            rttvar,
            snd_ssthresh: if threshold == u32::MAX { 0x7fff_ffff } else { segments(threshold) },
            snd_cwnd: segments(reno.window()),
            advmss: mtu.saturating_sub(40).into(),
            reordering: 3,
            rcv_space: base.common.receive_buffer >> 1,
            total_retrans: send.resent,
            ..TcpInfo::default()
        })
    }

    /// The lines of `/proc/net/tcp`: listeners and connections, half-open ones, remnants.
    pub fn rows(&self, now: Instant) -> impl Iterator<Item = Row> {
        let mut table = 0;
        let mut place = 0;
        core::iter::from_fn(move || {
            loop {
                let next = match table {
                    0 => self.sockets.next_from(place),
                    1 => self.halves.next_from(place),
                    2 => self.waits.next_from(place),
                    _ => return None,
                };
                let Some((next, handle)) = next else {
                    table += 1;
                    place = 0;
                    continue;
                };
                place = next;
                let row = match table {
                    0 => self.sockets.get(handle).and_then(|socket| socket_row(socket, now)),
                    1 => self.halves.get(handle).map(|half| Row {
                        state: SYN_RECV,
                        timer: 1,
                        timer_in: left(half.deadline, now),
                        retransmits: half.retries,
                        ..row(half.local, half.peer)
                    }),
                    _ => self.waits.get(handle).map(|wait| Row {
                        state: if wait.fin_wait { FIN_WAIT2 } else { TIME_WAIT },
                        timer: 3,
                        timer_in: left(wait.deadline, now),
                        ..row(wait.local, wait.peer)
                    }),
                };
                if row.is_some() {
                    return row;
                }
            }
        })
    }
}

fn socket_row<H: Host>(socket: &Socket<H>, now: Instant) -> Option<Row> {
    let base = &socket.base;
    let row = Row { owner: base.owner, ..row(base.local, base.peer) };
    match &socket.state {
        State::Closed => None,
        State::Listen(listen) => {
            Some(Row { state: LISTEN, peer: ANY, receive_queue: listen.waiting.into(), ..row })
        }
        // As Linux: what is over is in no table.
        State::Connection(connection) if connection.phase == Phase::Closed => None,
        State::Connection(connection) => {
            let (timer, at) =
                match (connection.timers.at(Timer::Resend), connection.timers.at(Timer::Keepalive)) {
                    (Some(at), _) if connection.send.flight() > 0 => (1, at),
                    (Some(at), _) => (4, at),
                    (None, Some(at)) => (2, at),
                    (None, None) => (0, now),
                };
            Some(Row {
                state: number(connection.phase),
                send_queue: connection.send.queued(),
                receive_queue: connection.receive.unread(),
                timer,
                timer_in: left(at, now),
                retransmits: connection.send.retries,
                ..row
            })
        }
    }
}

const fn row(local: core::net::SocketAddrV4, peer: core::net::SocketAddrV4) -> Row {
    Row {
        local,
        peer,
        state: 0,
        send_queue: 0,
        receive_queue: 0,
        timer: 0,
        timer_in: 0,
        retransmits: 0,
        drops: 0,
        owner: None,
    }
}

/// Segments of `mss` that `bytes` take.
#[inline(never)]
fn segments(bytes: u32, mss: u32) -> u32 {
    bytes.saturating_add(mss - 1).checked_div(mss).unwrap_or(0)
}

const fn left(at: Instant, now: Instant) -> u32 {
    let left: Duration = at.since(now);
    left.as_millis()
}
