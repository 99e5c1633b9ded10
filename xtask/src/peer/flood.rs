//! A flood of SYNs from addresses that never answer (RFC 4987 §2), as raw frames.

use std::net::Ipv4Addr;

use smoltcp::phy::ChecksumCapabilities;
use smoltcp::wire::{
    EthernetAddress, EthernetFrame, EthernetProtocol, EthernetRepr, IpAddress, IpProtocol, Ipv4Packet,
    Ipv4Repr, TcpControl, TcpPacket, TcpRepr, TcpSeqNumber,
};

use super::noise::Noise;
use super::plan;

/// The flood's sources: a network behind the gateway that nobody has (RFC 5737).
const NETWORK: [u8; 3] = [203, 0, 113];

/// One SYN for `port` of the guest, whose hardware address is `mac`, from a source of its own.
pub fn syn(noise: &mut Noise, mac: [u8; 6], port: u16) -> Vec<u8> {
    let [a, b, c] = NETWORK;
    let source = Ipv4Addr::new(a, b, c, 1 + noise.below(254) as u8);
    let segment = TcpRepr {
        src_port: 1024 + noise.below(64_000) as u16,
        dst_port: port,
        control: TcpControl::Syn,
        seq_number: TcpSeqNumber(noise.draw() as i32),
        ack_number: None,
        window_len: 65_535,
        window_scale: Some(7),
        max_seg_size: Some(1460),
        sack_permitted: true,
        sack_ranges: [None; 3],
        timestamp: None,
        payload: &[],
    };
    let packet = Ipv4Repr {
        src_addr: source,
        dst_addr: plan::GUEST,
        next_header: IpProtocol::Tcp,
        payload_len: segment.buffer_len(),
        hop_limit: 60,
    };
    let checksums = ChecksumCapabilities::default();
    let mut bytes = vec![0; EthernetFrame::<&[u8]>::buffer_len(packet.buffer_len() + segment.buffer_len())];
    let mut frame = EthernetFrame::new_unchecked(&mut bytes);
    EthernetRepr {
        src_addr: EthernetAddress(plan::PEER_MAC),
        dst_addr: EthernetAddress(mac),
        ethertype: EthernetProtocol::Ipv4,
    }
    .emit(&mut frame);
    let mut ip = Ipv4Packet::new_unchecked(frame.payload_mut());
    packet.emit(&mut ip, &checksums);
    segment.emit(
        &mut TcpPacket::new_unchecked(ip.payload_mut()),
        &IpAddress::from(source),
        &IpAddress::from(plan::GUEST),
        &checksums,
    );
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_a_good_syn_of_its_own() {
        let mut noise = Noise::new(7);
        let frames: Vec<_> = (0..100).map(|_| syn(&mut noise, [2, 0, 0, 0, 0, 9], 80)).collect();
        let mut ends = std::collections::BTreeSet::new();
        for bytes in &frames {
            let frame = EthernetFrame::new_checked(bytes).unwrap();
            assert_eq!(frame.dst_addr().0, [2, 0, 0, 0, 0, 9]);
            let packet = Ipv4Packet::new_checked(frame.payload()).unwrap();
            let (source, to) = (packet.src_addr(), packet.dst_addr());
            assert!(packet.verify_checksum() && to == plan::GUEST, "{source} to {to}");
            let segment = TcpPacket::new_checked(packet.payload()).unwrap();
            assert!(segment.verify_checksum(&source.into(), &to.into()));
            assert!(segment.syn() && !segment.ack() && segment.dst_port() == 80);
            ends.insert((source, segment.src_port()));
        }
        assert!(ends.len() > 95);
    }
}
