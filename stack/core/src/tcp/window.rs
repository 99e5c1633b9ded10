//! Windows: what we offer, scaled and never silly; how large a shift we ask for
//! (RFC 9293 §3.8.6, RFC 1122 §4.2.3.3, RFC 7323 §2).

use super::receive::Receive;
use crate::host::Host;
use crate::memory::Pressure;
use linnet_wire::tcp_options::MAX_WINDOW_SCALE;

/// The smallest shift with which a window of half of `buffer` bytes can be told: as Linux, which
/// takes the other half for overhead.
pub(super) const fn scale_for(buffer: u32) -> u8 {
    let mut scale = 0;
    while scale < MAX_WINDOW_SCALE && buffer >> 1 >> scale > u16::MAX as u32 {
        scale += 1;
    }
    scale
}

/// The window that a receive queue with room for `buffer` bytes of footprint can offer now.
pub(super) fn free<H: Host>(receive: &Receive<H>, buffer: u32, clamp: u32, pressure: Pressure) -> u32 {
    let room = buffer.saturating_sub(receive.used);
    // Footprint is not payload: offer what fits if it comes in segments as they came so far.
    let ratio = u32::from(receive.ratio);
    let mut free = (room >> 8) * ratio + (((room & 0xff) * ratio) >> 8);
    // More cannot be told.
    free = free.min((u16::MAX as u32) << receive.scale);
    if clamp > 0 {
        free = free.min(clamp);
    }
    let segment = u32::from(receive.mss).max(MIN_SEGMENT);
    match pressure {
        Pressure::Low => free,
        // Shrink to a few segments, and to what was promised when nothing is left.
        Pressure::High => free.min(segment * 4),
        Pressure::Exhausted => 0,
    }
}

/// Chooses the window for the next header: moves the right edge if it is worth it, never back.
pub(super) fn advertise<H: Host>(
    receive: &mut Receive<H>,
    buffer: u32,
    clamp: u32,
    pressure: Pressure,
) -> u16 {
    let offered = receive.window();
    let free = free(receive, buffer, clamp, pressure);
    // RFC 1122 §4.2.3.3: not in steps below a segment or half of the buffer.
    let step = u32::from(receive.mss).clamp(1, (buffer >> 2).max(1));
    let scale = receive.scale;
    let largest = (u16::MAX as u32) << scale;
    let mut window = if free >= offered.saturating_add(step) { free } else { offered };
    // What a header can say: round down what is new, up what was promised.
    window = if window > offered {
        (window >> scale << scale).max(offered)
    } else {
        window.saturating_add((1 << scale) - 1) >> scale << scale
    };
    window = window.min(largest);
    receive.edge = receive.edge.max(receive.next.plus(window));
    (window >> scale) as u16
}

/// Whether reading has freed enough to tell the peer at once, as Linux decides it: the window
/// would at least double.
pub(super) fn is_worth_telling<H: Host>(
    receive: &Receive<H>,
    buffer: u32,
    clamp: u32,
    pressure: Pressure,
) -> bool {
    let offered = receive.window();
    let full = (buffer >> 8) * u32::from(receive.ratio);
    if offered > full >> 1 {
        return false;
    }
    let free = free(receive, buffer, clamp, pressure);
    free >= offered << 1 && free.saturating_sub(offered) >= u32::from(receive.mss).min(full >> 1).max(1)
}

/// A segment size to reckon with before one was seen.
const MIN_SEGMENT: u32 = 536;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shifts() {
        for (buffer, scale) in
            [(0, 0), (131_071, 0), (131_072, 1), (262_143, 1), (262_144, 2), (30 << 20, 8), (u32::MAX, 14)]
        {
            assert_eq!(scale_for(buffer), scale, "{buffer}");
        }
    }
}
