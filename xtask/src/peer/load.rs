//! Many HTTP clients at once against the guest's server.
//!
//! All connect first; only when every one of them is established do they ask, so that the guest
//! really holds that many connections at the same time.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use smoltcp::iface::{Interface, SocketHandle, SocketSet};
use smoltcp::socket::tcp;

use super::server::{ended, endpoint, stream};
use super::sink::{Digester, Taken};

/// The local ports are taken from here upwards.
const FIRST_PORT: u16 = 40_000;
/// And so many of them, one after the other.
pub const PORTS: u16 = 20_000;
/// The longest head of an answer, in bytes.
const HEAD_MAX: usize = 4096;

/// What to ask, and how often at once.
#[derive(Clone, Debug)]
pub struct Order {
    /// The server.
    pub address: Ipv4Addr,
    /// Its port.
    pub port: u16,
    /// The path to ask for.
    pub path: String,
    /// Connections at the same time.
    pub connections: u16,
}

/// How one connection ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// An answer with this status and body arrived and the server closed.
    Answered {
        /// The status code.
        status: u16,
        /// The body.
        body: Taken,
    },
    /// Refused, reset or cut: where it was, for the report.
    Broken(&'static str),
}

/// The state of an [`Order`].
pub struct Load {
    request: Vec<u8>,
    clients: Vec<Client>,
    asked: bool,
    started: Instant,
    established: Option<Duration>,
}

/// What became of an [`Order`].
#[derive(Clone, Debug)]
pub struct Report {
    /// One a connection.
    pub outcomes: Vec<Outcome>,
    /// From the first SYN to the moment when all were established; `None` if one never was.
    pub established: Option<Duration>,
}

struct Client {
    handle: SocketHandle,
    head: Vec<u8>,
    /// The status, once the head is complete.
    status: Option<u16>,
    body: Digester,
    outcome: Option<Outcome>,
}

impl Load {
    /// Sends the SYNs. `before` connections of earlier orders keep their ports: the guest remembers them for a minute.
    pub fn start(
        order: &Order,
        before: u16,
        iface: &mut Interface,
        sockets: &mut SocketSet<'_>,
    ) -> anyhow::Result<Load> {
        let request = format!("GET {} HTTP/1.0\r\nHost: {}\r\n\r\n", order.path, order.address).into_bytes();
        let mut clients = Vec::with_capacity(usize::from(order.connections));
        for number in 0..order.connections {
            let mut socket = stream();
            let local = FIRST_PORT + (before + number) % PORTS;
            socket.connect(iface.context(), endpoint(order.address, order.port), local).map_err(|error| {
                anyhow::anyhow!("connecting to {}:{}: {error}", order.address, order.port)
            })?;
            clients.push(Client {
                handle: sockets.add(socket),
                head: Vec::new(),
                status: None,
                body: Digester::default(),
                outcome: None,
            });
        }
        Ok(Load { request, clients, asked: false, started: Instant::now(), established: None })
    }

    /// Lets every client advance.
    pub fn poll(&mut self, sockets: &mut SocketSet<'_>) {
        if !self.asked && self.clients.iter().all(|client| client.connected_or_over(sockets)) {
            self.asked = true;
            if self.clients.iter().all(|client| client.outcome.is_none()) {
                self.established = Some(self.started.elapsed());
            }
            for client in self.clients.iter().filter(|client| client.outcome.is_none()) {
                // The request is far smaller than the empty send buffer.
                let _ = sockets.get_mut::<tcp::Socket>(client.handle).send_slice(&self.request);
            }
        }
        for client in &mut self.clients {
            client.poll(sockets.get_mut::<tcp::Socket>(client.handle));
        }
    }

    /// The report, once every connection has ended.
    pub fn report(&self) -> Option<Report> {
        let outcomes = self.clients.iter().map(|client| client.outcome.clone()).collect::<Option<_>>()?;
        Some(Report { outcomes, established: self.established })
    }

    /// How many connections have ended, and how many there are: for the report of a hang.
    pub fn progress(&self) -> (usize, usize) {
        (self.clients.iter().filter(|client| client.outcome.is_some()).count(), self.clients.len())
    }

    /// Gives the sockets back; what is still open is reset.
    pub fn remove(self, sockets: &mut SocketSet<'_>) {
        for client in self.clients {
            sockets.remove(client.handle);
        }
    }
}

impl Client {
    fn connected_or_over(&self, sockets: &SocketSet<'_>) -> bool {
        self.outcome.is_some() || sockets.get::<tcp::Socket>(self.handle).may_send()
    }

    fn poll(&mut self, socket: &mut tcp::Socket<'_>) {
        if self.outcome.is_some() {
            return;
        }
        while socket.can_recv() {
            let read = socket.recv(|bytes| {
                match self.status {
                    Some(_) => self.body.update(bytes),
                    None => self.head.extend_from_slice(bytes),
                }
                (bytes.len(), ())
            });
            if read.is_err() {
                break;
            }
            if self.status.is_none() {
                self.finish_head();
            }
        }
        self.outcome = match (socket.state(), self.status) {
            (tcp::State::Closed, _) => Some(Outcome::Broken("reset or refused")),
            (tcp::State::SynSent | tcp::State::SynReceived, _) => None,
            (_, Some(status)) if ended(socket) => {
                socket.close();
                Some(Outcome::Answered { status, body: std::mem::take(&mut self.body).finish() })
            }
            (_, None) if ended(socket) || self.head.len() > HEAD_MAX => {
                socket.abort();
                Some(Outcome::Broken("no HTTP answer"))
            }
            _ => None,
        };
    }

    /// Once the head is complete, keeps its status and gives what follows it to the body.
    fn finish_head(&mut self) {
        let Some(end) = self.head.windows(4).position(|window| window == b"\r\n\r\n") else { return };
        self.body.update(&self.head[end + 4..]);
        self.status = Some(status(&self.head).unwrap_or(0));
    }
}

/// The status code of an answer's first line, `HTTP/1.x CODE …` (RFC 9112 §4).
fn status(head: &[u8]) -> Option<u16> {
    let line = head.split(|&byte| byte == b'\r').next()?;
    let text = std::str::from_utf8(line).ok()?;
    text.strip_prefix("HTTP/1.")?.split(' ').nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_lines() {
        for (line, expected) in [
            ("HTTP/1.0 200 OK\r\nServer: x\r\n\r\n", Some(200)),
            ("HTTP/1.1 404 Not Found\r\n\r\n", Some(404)),
            ("HTTP/2 200\r\n\r\n", None),
            ("HTTP/1.1\r\n\r\n", None),
            ("", None),
        ] {
            assert_eq!(status(line.as_bytes()), expected, "{line:?}");
        }
    }
}
