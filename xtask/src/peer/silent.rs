//! The host that answers ARP and nothing else (RFC 826), so that a connection to it times out.

use std::net::Ipv4Addr;

use super::plan;

const ETHERTYPE_ARP: [u8; 2] = [0x08, 0x06];
/// Hardware type Ethernet, protocol IPv4, lengths 6 and 4, operation request.
const REQUEST: [u8; 8] = [0, 1, 8, 0, 6, 4, 0, 1];
const REPLY: [u8; 8] = [0, 1, 8, 0, 6, 4, 0, 2];
const LEN: usize = 42;

/// What becomes of a frame of the guest before the stack sees it.
#[derive(Debug, PartialEq, Eq)]
pub enum Filter {
    /// It is not for the silent host.
    Pass,
    /// It is, and there is no answer.
    Swallow,
    /// It asked for the silent host's hardware address: this is the answer.
    Answer(Vec<u8>),
}

/// Decides about an Ethernet frame of the guest; the silent host has `other` as a second address.
pub fn filter(frame: &[u8], other: Option<Ipv4Addr>) -> Filter {
    if frame.len() >= 6 && frame[..6] == plan::SILENT_MAC {
        return Filter::Swallow;
    }
    let asks = frame.len() >= LEN
        && frame[12..14] == ETHERTYPE_ARP
        && frame[14..22] == REQUEST
        && [Some(plan::SILENT), other].iter().flatten().any(|own| frame[38..42] == own.octets());
    if !asks {
        return Filter::Pass;
    }
    let mut answer = Vec::with_capacity(LEN);
    answer.extend_from_slice(&frame[6..12]);
    answer.extend_from_slice(&plan::SILENT_MAC);
    answer.extend_from_slice(&ETHERTYPE_ARP);
    answer.extend_from_slice(&REPLY);
    answer.extend_from_slice(&plan::SILENT_MAC);
    answer.extend_from_slice(&frame[38..42]);
    answer.extend_from_slice(&frame[22..32]); // the asker's two addresses
    Filter::Answer(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ASKER: [u8; 6] = [0x52, 0x54, 0, 0x12, 0x34, 0x56];

    fn request(target: [u8; 4]) -> Vec<u8> {
        let mut frame = vec![0xff; 6];
        frame.extend(ASKER);
        frame.extend(ETHERTYPE_ARP);
        frame.extend(REQUEST);
        frame.extend(ASKER);
        frame.extend(plan::GUEST.octets());
        frame.extend([0; 6]);
        frame.extend(target);
        frame
    }

    #[test]
    fn a_request_for_the_silent_host_is_answered() {
        let Filter::Answer(answer) = filter(&request(plan::SILENT.octets()), None) else {
            panic!("no answer")
        };
        assert_eq!(answer.len(), LEN);
        assert_eq!(answer[..6], ASKER);
        assert_eq!(answer[14..22], REPLY);
        assert_eq!(answer[22..28], plan::SILENT_MAC);
        assert_eq!(answer[28..32], plan::SILENT.octets());
        assert_eq!(answer[32..38], ASKER);
        assert_eq!(answer[38..42], plan::GUEST.octets());
    }

    #[test]
    fn only_what_is_for_the_silent_host_is_taken() {
        assert_eq!(filter(&request(plan::ABSENT.octets()), None), Filter::Pass);
        assert_eq!(filter(&request(plan::SILENT.octets())[..41], None), Filter::Pass);
        assert!(matches!(filter(&request(plan::ABSENT.octets()), Some(plan::ABSENT)), Filter::Answer(_)));
        let mut to_it = plan::SILENT_MAC.to_vec();
        to_it.extend([0; 54]);
        assert_eq!(filter(&to_it, None), Filter::Swallow);
        assert_eq!(filter(&[], None), Filter::Pass);
    }
}
