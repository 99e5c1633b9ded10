//! Two interfaces of smoltcp.

use std::collections::VecDeque;

use smoltcp::iface::{Config, Interface, SocketHandle, SocketSet};
use smoltcp::phy::{Device, DeviceCapabilities, Medium, RxToken, TxToken};
use smoltcp::socket::tcp;
use smoltcp::time::Instant;
use smoltcp::wire::{EthernetAddress, HardwareAddress, IpAddress, IpCidr};

use super::{BUFFER, Ends};

const PORT: u16 = 7;

/// A device whose frames somebody else carries.
#[derive(Default)]
struct Wire {
    received: VecDeque<Vec<u8>>,
    sent: VecDeque<Vec<u8>>,
}

struct Received(Vec<u8>);

struct Outgoing<'a>(&'a mut VecDeque<Vec<u8>>);

impl Device for Wire {
    type RxToken<'a> = Received;
    type TxToken<'a> = Outgoing<'a>;

    fn receive(&mut self, _: Instant) -> Option<(Received, Outgoing<'_>)> {
        Some((Received(self.received.pop_front()?), Outgoing(&mut self.sent)))
    }

    fn transmit(&mut self, _: Instant) -> Option<Outgoing<'_>> {
        Some(Outgoing(&mut self.sent))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ethernet;
        capabilities.max_transmission_unit = 1514;
        capabilities
    }
}

impl RxToken for Received {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, read: F) -> R {
        read(&self.0)
    }
}

impl TxToken for Outgoing<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, write: F) -> R {
        let mut frame = vec![0; len];
        let result = write(&mut frame);
        self.0.push_back(frame);
        result
    }
}

struct End {
    wire: Wire,
    iface: Interface,
    sockets: SocketSet<'static>,
    socket: SocketHandle,
}

/// Both ends.
pub struct Pair {
    ends: [End; 2],
    now: i64,
}

impl End {
    fn new(number: u8) -> End {
        let mut wire = Wire::default();
        let config = Config::new(HardwareAddress::Ethernet(EthernetAddress([2, 0, 0, 0, 0, number])));
        let mut iface = Interface::new(config, &mut wire, Instant::ZERO);
        iface.update_ip_addrs(|addresses| {
            addresses.push(IpCidr::new(address(number), 24)).expect("room for one address");
        });
        let buffer = || tcp::SocketBuffer::new(vec![0; BUFFER]);
        let mut socket = tcp::Socket::new(buffer(), buffer());
        socket.set_nagle_enabled(false);
        socket.set_congestion_control(tcp::CongestionControl::Reno);
        let mut sockets = SocketSet::new(Vec::new());
        let socket = sockets.add(socket);
        End { wire, iface, sockets, socket }
    }

    fn socket(&mut self) -> &mut tcp::Socket<'static> {
        self.sockets.get_mut(self.socket)
    }
}

fn address(number: u8) -> IpAddress {
    IpAddress::v4(10, 9, 0, number)
}

impl Ends for Pair {
    fn new() -> Self {
        let mut ends = [End::new(1), End::new(2)];
        ends[1].socket().listen(PORT).expect("a free port");
        let End { iface, sockets, socket, .. } = &mut ends[0];
        let client = sockets.get_mut::<tcp::Socket>(*socket);
        client.connect(iface.context(), (address(2), PORT), 50_000).expect("connecting");
        let mut pair = Self { ends, now: 0 };
        while !pair.ends.iter_mut().all(|end| end.socket().state() == tcp::State::Established) {
            pair.carry();
        }
        pair
    }

    fn send(&mut self, end: usize, bytes: &[u8]) -> usize {
        self.ends[end].socket().send_slice(bytes).unwrap_or(0)
    }

    fn take(&mut self, end: usize, into: &mut [u8]) -> usize {
        self.ends[end].socket().recv_slice(into).unwrap_or(0)
    }

    fn carry(&mut self) {
        self.now += 1;
        loop {
            let mut idle = true;
            for from in [0, 1] {
                let End { wire, iface, sockets, .. } = &mut self.ends[from];
                iface.poll(Instant::from_millis(self.now), wire, sockets);
                let mut frames = std::mem::take(&mut wire.sent);
                idle &= frames.is_empty();
                self.ends[1 - from].wire.received.append(&mut frames);
            }
            if idle {
                break;
            }
        }
    }
}
