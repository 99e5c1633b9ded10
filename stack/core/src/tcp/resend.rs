//! Segments sent again: what, from where, and in which pieces (RFC 5681, RFC 9293 §3.8.1).

use super::connection::Connection;
use super::output::{Io, send};
use super::reassembly::place;
use super::reno;
use super::send::change;
use super::socket::Base;
use crate::host::{Buf, Host, Queue};
use linnet_wire::seq::SeqNum;
use linnet_wire::tcp::Flags;

/// After a timeout: sends again from where that stands, as the congestion window allows.
pub(super) fn resend_lost<H: Host>(io: &mut Io<H>, base: &Base, connection: &mut Connection<H>) {
    while connection.reno.phase() == reno::Phase::Loss {
        #[cfg(feature = "sack")]
        connection.send.skip_sacked();
        let send = &connection.send;
        let again = send.resend.since(send.una);
        #[cfg(feature = "sack")]
        let again = again.saturating_sub(send.sacked(send.resend));
        if !send.resend.before(connection.reno.recover()) || again >= connection.reno.window() {
            break;
        }
        let Some(len) = resend_at(io, base, connection, connection.send.resend) else { break };
        connection.send.resend = connection.send.resend.plus(len);
    }
}

/// RFC 6675 §5, step C: fills the pipe with what is lost; new data is for whoever comes after.
#[cfg(feature = "sack")]
pub(super) fn repair<H: Host>(io: &mut Io<H>, base: &Base, connection: &mut Connection<H>) {
    while connection.repairs()
        && connection.send.pipe() + u32::from(connection.send.mss) <= connection.reno.window()
    {
        let Some(seq) = connection.send.next_hole() else { break };
        let Some(len) = resend_at(io, base, connection, seq) else { break };
        connection.send.resend = seq.plus(len);
    }
}

/// Sends what starts at `seq` again, as one segment. Returns how far that got, or `None` when
/// there is nothing, or no memory.
pub(super) fn resend_at<H: Host>(
    io: &mut Io<H>,
    base: &Base,
    connection: &mut Connection<H>,
    seq: SeqNum,
) -> Option<u32> {
    let fin_sent = connection.send.fin_sent();
    let end = connection.send.end;
    connection.send.resent = connection.send.resent.wrapping_add(1);
    let Some(copy) = gather(io, connection, seq)? else {
        if !fin_sent {
            return None;
        }
        let _ = send(io, base, connection, end, Flags::FIN.with(Flags::ACK), None);
        return Some(1);
    };
    let mut stop = seq.plus(copy.bytes().len() as u32);
    let mut flags = Flags::ACK;
    if stop == end {
        flags = flags.with(Flags::PSH);
        if fin_sent {
            flags = flags.with(Flags::FIN);
            stop = stop.plus(1);
        }
    }
    let _ = send(io, base, connection, seq, flags, Some(copy));
    Some(stop.since(seq))
}

/// A segment of what was sent from `seq` on: the queued buffer itself if it makes a decent one,
/// otherwise a copy, of several small ones or of part of one that the path no longer takes.
/// `None` without memory, `Some(None)` when nothing but a FIN is there.
fn gather<H: Host>(io: &mut Io<H>, connection: &mut Connection<H>, seq: SeqNum) -> Option<Option<H::Buf>> {
    let now = io.cx.now;
    let mss = usize::from(connection.send.mss);
    let mut joint: Option<H::Buf> = None;
    for buf in connection.send.sent.iter_mut() {
        let (start, len) = place(buf);
        let skip = seq.since(start) as usize;
        if skip >= len as usize && joint.is_none() {
            continue;
        }
        let decent = skip == 0 && len as usize <= mss && len as usize * 2 > mss;
        let copy = match &mut joint {
            None if decent => Some(buf.share()?),
            None => {
                let mut copy = io.cx.host.allocate(mss)?;
                let rest = buf.bytes().get(skip..)?;
                if !copy.append(rest.get(..mss).unwrap_or(rest)) {
                    return None;
                }
                Some(copy)
            }
            Some(joint) => {
                if joint.bytes().len() + len as usize > mss || !joint.append(buf.bytes()) {
                    break;
                }
                None
            }
        };
        change(buf, |meta| {
            meta.sent_at = now;
            meta.transmissions = meta.transmissions.saturating_add(1);
        });
        if copy.is_some() {
            joint = copy;
        }
        if decent && skip == 0 {
            break;
        }
    }
    Some(joint)
}
