//! HTTP file server of the peer: GET and HEAD of its files, PUT and POST into the journal.
//!
//! One request a connection, answered with a length and `Connection: close` (RFC 9112 §9.6). A body
//! that is sent in is hashed, never stored; the answer to it is the line that [`super::sink`] gives.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use smoltcp::socket::tcp;

use super::server::{Conversation, ended, send_from};
use super::sink::{Digester, Journal};

/// The longest request head that is read, in bytes.
const HEAD_MAX: usize = 8192;

/// The files by path, each beginning with a slash; shared, so that a test can add to them.
pub type Files = Arc<Mutex<BTreeMap<String, Arc<[u8]>>>>;

/// The conversation of one connection.
pub struct Http {
    files: Files,
    journal: Journal,
    state: State,
}

enum State {
    Head(Vec<u8>),
    Body { digester: Digester, left: u64 },
    Answer { head: Vec<u8>, head_at: usize, body: Arc<[u8]>, body_at: usize },
}

impl Http {
    /// Serves `files` and enters what is sent in in `journal`.
    pub fn new(files: Files, journal: Journal) -> Http {
        Http { files, journal, state: State::Head(Vec::new()) }
    }

    fn answer_request(&self, request: Request) -> State {
        match request.method.as_str() {
            "GET" | "HEAD" => {
                let found =
                    self.files.lock().expect("no holder of this lock panics").get(&request.path).cloned();
                match found {
                    Some(body) if request.method == "HEAD" => answer("200 OK", body.len(), Arc::default()),
                    Some(body) => answer("200 OK", body.len(), body),
                    None => text("404 Not Found", format!("no file {}\n", request.path)),
                }
            }
            "PUT" | "POST" => match request.content_length {
                Some(left) => State::Body { digester: Digester::default(), left },
                None => text("411 Length Required", "send Content-Length\n".to_owned()),
            },
            method => text("501 Not Implemented", format!("no method {method}\n")),
        }
    }
}

impl Conversation for Http {
    fn advance(&mut self, socket: &mut tcp::Socket<'_>) {
        if let State::Head(head) = &mut self.state {
            let Some(request) = read_head(socket, head) else {
                if ended(socket) {
                    socket.abort();
                }
                return;
            };
            self.state = match request {
                Ok(request) => self.answer_request(request),
                Err(why) => text("400 Bad Request", format!("{why}\n")),
            };
        }
        if let State::Body { digester, left } = &mut self.state {
            while *left > 0 && socket.can_recv() {
                let taken = socket.recv(|bytes| {
                    let len = bytes.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
                    digester.update(&bytes[..len]);
                    (len, len as u64)
                });
                *left -= taken.unwrap_or(0);
            }
            if *left > 0 {
                if ended(socket) {
                    socket.abort();
                }
                return;
            }
            let taken = std::mem::take(digester).finish();
            let line = format!("{} {}\n", taken.bytes, taken.sha256);
            self.journal.lock().expect("no holder of this lock panics").push(taken);
            self.state = text("200 OK", line);
        }
        if let State::Answer { head, head_at, body, body_at } = &mut self.state {
            send_from(socket, head, head_at);
            if *head_at == head.len() {
                send_from(socket, body, body_at);
            }
            if *body_at == body.len() && *head_at == head.len() {
                socket.close();
            }
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Request {
    method: String,
    path: String,
    content_length: Option<u64>,
}

/// Reads up to the empty line and no byte further; `None` until it is there.
fn read_head(socket: &mut tcp::Socket<'_>, head: &mut Vec<u8>) -> Option<Result<Request, &'static str>> {
    while socket.can_recv() {
        let complete = socket.recv(|bytes| {
            let before = head.len();
            head.extend_from_slice(bytes);
            match end_of_head(head, before) {
                Some(end) => {
                    head.truncate(end);
                    (end - before, true)
                }
                None => (bytes.len(), false),
            }
        });
        if complete.unwrap_or(false) {
            return Some(parse_head(head));
        }
        if head.len() > HEAD_MAX {
            return Some(Err("request head too long"));
        }
    }
    None
}

/// Where the head ends, just after its empty line; what lies before `searched` was looked at already.
fn end_of_head(bytes: &[u8], searched: usize) -> Option<usize> {
    let from = searched.saturating_sub(3);
    bytes[from..].windows(4).position(|window| window == b"\r\n\r\n").map(|at| from + at + 4)
}

fn parse_head(head: &[u8]) -> Result<Request, &'static str> {
    let text = std::str::from_utf8(head).map_err(|_| "request head is not text")?;
    let mut lines = text.split("\r\n");
    let mut words = lines.next().unwrap_or("").split(' ');
    let (Some(method), Some(path), Some(version), None) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        return Err("request line is not METHOD PATH VERSION");
    };
    if !version.starts_with("HTTP/1.") || !path.starts_with('/') {
        return Err("request line is not METHOD PATH VERSION");
    }
    let mut request = Request { method: method.to_owned(), path: path.to_owned(), content_length: None };
    for line in lines.filter(|line| !line.is_empty()) {
        let (name, value) = line.split_once(':').ok_or("header line without a colon")?;
        if name.eq_ignore_ascii_case("content-length") {
            request.content_length =
                Some(value.trim().parse().map_err(|_| "Content-Length is not a number")?);
        }
    }
    Ok(request)
}

fn answer(status: &str, length: usize, body: Arc<[u8]>) -> State {
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/octet-stream\r\nContent-Length: {length}\r\n\
         Connection: close\r\n\r\n"
    );
    State::Answer { head: head.into_bytes(), head_at: 0, body, body_at: 0 }
}

fn text(status: &str, text: String) -> State {
    answer(status, text.len(), text.into_bytes().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_are_parsed_or_refused() {
        let request = |method: &str, path: &str, content_length| {
            Ok(Request { method: method.to_owned(), path: path.to_owned(), content_length })
        };
        let line = Err("request line is not METHOD PATH VERSION");
        for (name, head, expected) in [
            ("get", "GET /blob HTTP/1.1\r\nHost: files\r\n\r\n", request("GET", "/blob", None)),
            ("bare get", "GET / HTTP/1.0\r\n\r\n", request("GET", "/", None)),
            ("post", "POST /x HTTP/1.1\r\ncontent-LENGTH: 42\r\n\r\n", request("POST", "/x", Some(42))),
            ("no version", "GET /\r\n\r\n", line.clone()),
            ("another protocol", "GET / GOPHER\r\n\r\n", line.clone()),
            ("no slash", "GET x HTTP/1.1\r\n\r\n", line),
            ("no colon", "GET / HTTP/1.1\r\nnonsense\r\n\r\n", Err("header line without a colon")),
            (
                "bad length",
                "PUT / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
                Err("Content-Length is not a number"),
            ),
        ] {
            assert_eq!(parse_head(head.as_bytes()), expected, "{name}");
        }
        assert_eq!(parse_head(&[0xff, b' ']), Err("request head is not text"));
    }

    #[test]
    fn the_end_of_the_head_is_found_across_pieces() {
        for (name, bytes, searched, expected) in [
            ("none", &b"GET / HTTP/1.1\r\n"[..], 0, None),
            ("whole", b"a\r\n\r\nbody", 0, Some(5)),
            ("split after the first byte", b"a\r\n\r\n", 2, Some(5)),
            ("split before the last byte", b"a\r\n\r\n", 4, Some(5)),
        ] {
            assert_eq!(end_of_head(bytes, searched), expected, "{name}");
        }
    }
}
