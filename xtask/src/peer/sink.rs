//! Takes a stream to its end, then answers with one line: its length and its SHA-256.

use std::sync::{Arc, Mutex};

use sha2::{Digest, Sha256};
use smoltcp::socket::tcp;

use super::noise::hex;
use super::server::{Conversation, ended, send_from};

/// A stream that was taken to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    /// Its length in bytes.
    pub bytes: u64,
    /// Its SHA-256 in hexadecimal.
    pub sha256: String,
}

/// The streams taken so far, oldest first.
pub type Journal = Arc<Mutex<Vec<Taken>>>;

/// A hash and a count of a stream so far.
#[derive(Default)]
pub struct Digester {
    bytes: u64,
    hash: Sha256,
}

impl Digester {
    /// Adds the next bytes of the stream.
    pub fn update(&mut self, bytes: &[u8]) {
        self.bytes += bytes.len() as u64;
        self.hash.update(bytes);
    }

    /// Bytes so far.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The result.
    pub fn finish(self) -> Taken {
        Taken { bytes: self.bytes, sha256: hex(&self.hash.finalize()) }
    }
}

/// The conversation of one connection.
pub struct Sink {
    journal: Journal,
    state: State,
}

enum State {
    Taking(Digester),
    Answering { line: String, at: usize },
}

impl Sink {
    /// Takes a stream and enters it in `journal`.
    pub fn new(journal: Journal) -> Sink {
        Sink { journal, state: State::Taking(Digester::default()) }
    }
}

impl Conversation for Sink {
    fn advance(&mut self, socket: &mut tcp::Socket<'_>) {
        if let State::Taking(digester) = &mut self.state {
            while socket.can_recv() {
                let taken = socket.recv(|bytes| {
                    digester.update(bytes);
                    (bytes.len(), ())
                });
                if taken.is_err() {
                    return;
                }
            }
            if !ended(socket) {
                return;
            }
            let taken = std::mem::take(digester).finish();
            let line = format!("{} {}\n", taken.bytes, taken.sha256);
            self.journal.lock().expect("no holder of this lock panics").push(taken);
            self.state = State::Answering { line, at: 0 };
        }
        if let State::Answering { line, at } = &mut self.state {
            send_from(socket, line.as_bytes(), at);
            if *at == line.len() {
                socket.close();
            }
        }
    }
}
