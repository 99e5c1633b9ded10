//! The whole peer against another smoltcp in the guest's place, over a real socket, lossy too.

use std::os::unix::net::UnixStream;
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use sha2::{Digest as _, Sha256};
use smoltcp::iface::{Config, Interface, SocketHandle, SocketSet};
use smoltcp::socket::{tcp, udp};
use smoltcp::wire::{EthernetAddress, HardwareAddress, IpCidr};

use super::carrier::{self, FrameWriter};
use super::echo::datagram_socket;
use super::host::{PeerHandle, Setup};
use super::http::Http;
use super::impair::Impairment;
use super::load::{Order, Outcome};
use super::noise::{Noise, hex, sha256_hex};
use super::plan;
use super::server::{Server, ended, endpoint, send_from, stream};
use super::sink::Journal;
use super::wire::Wire;

const LIMIT: Duration = Duration::from_secs(40);

/// A guest made of smoltcp.
struct Guest {
    started: Instant,
    wire: Wire,
    iface: Interface,
    sockets: SocketSet<'static>,
    servers: Vec<Server>,
    frames: Receiver<Vec<Vec<u8>>>,
    writer: FrameWriter<UnixStream>,
}

impl Guest {
    fn new(socket: UnixStream) -> Guest {
        let (mut reader, writer) = carrier::halves(socket).unwrap();
        let (sender, frames) = mpsc::channel();
        std::thread::spawn(move || {
            while let Ok(batch) = reader.read() {
                if batch.is_empty() || sender.send(batch).is_err() {
                    break;
                }
            }
        });
        let mut wire = Wire::default();
        let mac = HardwareAddress::Ethernet(EthernetAddress([0x52, 0x54, 0, 0x12, 0x34, 0x56]));
        let mut iface = Interface::new(Config::new(mac), &mut wire, smoltcp::time::Instant::ZERO);
        iface.update_ip_addrs(|list| list.push(IpCidr::new(plan::GUEST.into(), plan::PREFIX)).unwrap());
        iface.routes_mut().add_default_ipv4_route(plan::GATEWAY).unwrap();
        let (started, sockets) = (Instant::now(), SocketSet::new(Vec::new()));
        Guest { started, wire, iface, sockets, servers: Vec::new(), frames, writer }
    }

    /// Turns until `done` says so.
    fn run_until(&mut self, mut done: impl FnMut(&mut Guest) -> bool) {
        let deadline = Instant::now() + LIMIT;
        while !done(self) {
            assert!(Instant::now() < deadline, "not done in time");
            self.turn();
        }
    }

    fn turn(&mut self) {
        // As hasty as the peer, see there.
        let now = smoltcp::time::Instant::from_micros((self.started.elapsed() * 25).as_micros() as i64);
        self.iface.poll(now, &mut self.wire, &mut self.sockets);
        for server in &mut self.servers {
            server.poll(&mut self.sockets);
        }
        self.iface.poll(now, &mut self.wire, &mut self.sockets);
        let out: Vec<_> = self.wire.sent.drain(..).collect();
        let _ = self.writer.write(&out); // an error: the test is ending
        if let Ok(batch) = self.frames.recv_timeout(Duration::from_micros(500)) {
            self.wire.received.extend(batch);
        }
    }

    fn connect(&mut self, to: std::net::Ipv4Addr, port: u16, local: u16) -> SocketHandle {
        let mut socket = stream();
        socket.connect(self.iface.context(), endpoint(to, port), local).unwrap();
        self.sockets.add(socket)
    }

    fn tcp(&mut self, handle: SocketHandle) -> &mut tcp::Socket<'static> {
        self.sockets.get_mut(handle)
    }

    /// Sends `request`, closes if `half_close`, and returns everything that comes back.
    fn converse(&mut self, handle: SocketHandle, request: &[u8], half_close: bool) -> Vec<u8> {
        let (mut at, mut answer) = (0, Vec::new());
        self.run_until(|guest| {
            let socket = guest.tcp(handle);
            send_from(socket, request, &mut at);
            if half_close && at == request.len() && socket.state() == tcp::State::Established {
                socket.close();
            }
            while socket.can_recv() {
                socket
                    .recv(|bytes| {
                        answer.extend_from_slice(bytes);
                        (bytes.len(), ())
                    })
                    .unwrap();
            }
            socket.state() != tcp::State::SynSent && at == request.len() && ended(socket)
        });
        answer
    }
}

fn pair() -> (PeerHandle, Guest) {
    let (ours, theirs) = UnixStream::pair().unwrap();
    let peer = PeerHandle::start(Setup { stream: ours, pcap: None, seed: 11 }).unwrap();
    (peer, Guest::new(theirs))
}

#[test]
fn files_streams_and_echoes_on_a_perfect_wire() {
    let (peer, mut guest) = pair();
    let blob = Noise::new(1).bytes(300_000);
    peer.serve("/blob", blob.clone());

    let socket = guest.connect(plan::SERVER, plan::HTTP_PORT, 50_001);
    let answer = guest.converse(socket, b"GET /blob HTTP/1.1\r\nHost: files\r\n\r\n", false);
    assert!(answer.starts_with(b"HTTP/1.1 200 OK\r\n"));
    assert!(answer.ends_with(&blob));

    let socket = guest.connect(plan::GATEWAY, plan::HTTP_PORT, 50_002);
    let answer = guest.converse(socket, b"GET /other HTTP/1.0\r\n\r\n", false);
    assert!(answer.starts_with(b"HTTP/1.1 404 Not Found\r\n"));

    let socket = guest.connect(plan::GATEWAY, plan::HTTP_PORT, 50_003);
    let head = format!("POST /up HTTP/1.1\r\nContent-Length: {}\r\n\r\n", blob.len());
    let answer = guest.converse(socket, &[head.as_bytes(), &blob].concat(), false);
    let line = format!("{} {}\n", blob.len(), sha256_hex(&blob));
    assert!(answer.ends_with(line.as_bytes()));

    let socket = guest.connect(plan::GATEWAY, plan::SINK_PORT, 50_004);
    assert_eq!(guest.converse(socket, &blob, true), line.as_bytes());
    assert_eq!(peer.journal.lock().unwrap().len(), 2);

    let socket = guest.connect(plan::GATEWAY, plan::ECHO_PORT, 50_005);
    assert_eq!(guest.converse(socket, &blob[..5000], true), &blob[..5000]);
}

#[test]
fn refusals_resets_and_silence() {
    let (_peer, mut guest) = pair();
    let refused = guest.connect(plan::GATEWAY, plan::CLOSED_PORT, 50_001);
    guest.run_until(|guest| guest.tcp(refused).state() == tcp::State::Closed);

    let reset = guest.connect(plan::GATEWAY, plan::RESET_PORT, 50_002);
    guest.run_until(|guest| guest.tcp(reset).can_send());
    guest.tcp(reset).send_slice(b"x").unwrap();
    guest.run_until(|guest| guest.tcp(reset).state() == tcp::State::Closed);

    let silent = guest.connect(plan::SILENT, 80, 50_003);
    let until = Instant::now() + Duration::from_millis(300);
    guest.run_until(|_| Instant::now() > until);
    assert_eq!(guest.tcp(silent).state(), tcp::State::SynSent);
}

#[test]
fn datagrams_of_every_kind_of_size() {
    let (_peer, mut guest) = pair();
    let handle = guest.sockets.add(datagram_socket(50_001));
    for size in [0, 1, 2, 1471, 1472, 1473, 8192] {
        let sent = Noise::new(size as u64).bytes(size);
        let to = endpoint(plan::GATEWAY, plan::ECHO_PORT);
        guest.sockets.get_mut::<udp::Socket>(handle).send_slice(&sent, to).unwrap();
        guest.run_until(|guest| guest.sockets.get_mut::<udp::Socket>(handle).can_recv());
        let (received, from) = guest.sockets.get_mut::<udp::Socket>(handle).recv().unwrap();
        assert!(received == sent, "{size} bytes");
        assert_eq!(from.endpoint, to);
    }
}

#[test]
fn streams_survive_a_bad_wire_both_ways() {
    let (peer, mut guest) = pair();
    let blob = Noise::new(2).bytes(1 << 20);
    peer.serve("/blob", blob.clone());
    peer.with(|peer| peer.impair(Impairment::all(20))).unwrap();

    let socket = guest.connect(plan::SERVER, plan::HTTP_PORT, 50_001);
    let answer = guest.converse(socket, b"GET /blob HTTP/1.1\r\nHost: files\r\n\r\n", false);
    let body = &answer[answer.len() - blob.len()..];
    assert_eq!(hex(&Sha256::digest(body)), sha256_hex(&blob));

    let socket = guest.connect(plan::GATEWAY, plan::SINK_PORT, 50_002);
    let line = format!("{} {}\n", blob.len(), sha256_hex(&blob));
    assert_eq!(guest.converse(socket, &blob, true), line.as_bytes());

    let (from_guest, to_guest) = peer.with(|peer| peer.tally()).unwrap();
    for tally in [from_guest, to_guest] {
        assert!(tally.lost > 0 && tally.doubled > 0 && tally.delayed > 0, "{tally:?}");
    }
}

#[test]
fn many_clients_at_once_are_served() {
    let (peer, mut guest) = pair();
    let page = Noise::new(3).bytes(20_000);
    let files = super::http::Files::default();
    files.lock().unwrap().insert("/page".to_owned(), page.clone().into());
    guest.servers.push(Server::new(80, move || Http::new(files.clone(), Journal::default())));

    let (stop, stopped) = mpsc::channel();
    let serving = std::thread::spawn(move || {
        guest.run_until(|_| stopped.try_recv().is_ok());
    });
    let order =
        |path: &str, port| Order { address: plan::GUEST, port, path: path.to_owned(), connections: 8 };
    for size in [0, 56, 8000] {
        assert!(peer.ping(size, LIMIT).unwrap(), "{size} bytes");
    }
    let report = peer.load(order("/page", 80), LIMIT).unwrap();
    assert!(report.established.is_some());
    assert_eq!(report.outcomes.len(), 8);
    for outcome in report.outcomes {
        let Outcome::Answered { status, body } = outcome else { panic!("{outcome:?}") };
        assert_eq!((status, body.sha256), (200, sha256_hex(&page)));
    }
    let report = peer.load(order("/page", 81), LIMIT).unwrap();
    assert!(report.established.is_none());
    assert!(report.outcomes.iter().all(|outcome| *outcome == Outcome::Broken("reset or refused")));
    stop.send(()).unwrap();
    serving.join().unwrap();
}
