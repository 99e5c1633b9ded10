//! One request and its answer: appended to the part file as far as it comes.

use std::error::Error as _;
use std::io::{self, Read as _};
use std::time::{Duration, Instant};

use reqwest::blocking::Response;
use reqwest::header::{
    ACCEPT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, ETAG, HeaderMap, HeaderName, IF_RANGE, LAST_MODIFIED,
    RANGE, RETRY_AFTER,
};
use reqwest::{StatusCode, Url};

use super::part::{From, Part};
use super::{Downloader, LARGEST, Wanted};
use crate::context::Context;
use crate::report::Task;

/// Why a transfer ended without the whole file.
#[derive(Debug)]
pub enum Stop {
    /// No connection came about: no name, no route, nobody listening, no TLS.
    Unreachable(String),
    /// This mirror does not have it; asking again is of no use.
    Refused(String),
    /// It broke off or the server is overloaded: worth another try, after the pause that the server asked for.
    Broken(String, Option<Duration>),
    /// A matter of this machine: disk, permission, Ctrl-C.
    Local(anyhow::Error),
}

/// What an answer's body is to the part file.
enum Body {
    /// It goes on where the part file ends.
    Rest,
    /// It is the file from its first byte.
    Whole,
    /// It is something else: only asking for the whole file helps.
    Other,
}

impl Downloader {
    /// Asks `url` for what `part` lacks. Ok: the part file has the wanted length.
    pub(super) fn attempt(
        &self,
        cx: &Context,
        task: &Task,
        wanted: &Wanted<'_>,
        url: &Url,
        part: &mut Part,
    ) -> Result<(), Stop> {
        let size = wanted.content.map(|(size, _)| size);
        if size.is_some_and(|size| part.length() == size) {
            return Ok(());
        }
        let from = From { url: url.to_string(), validator: None };
        // Without a hash to judge it in the end, only the same version of the same URL goes on.
        let same = part.from().is_some_and(|f| f.url == from.url && f.validator.is_some());
        if part.length() > size.unwrap_or(LARGEST) || (size.is_none() && !same) {
            part.restart(from.clone())?;
        }
        // The bytes as they are: a server may otherwise compress what is compressed.
        let mut request = self.client.get(url.clone()).header(ACCEPT_ENCODING, "identity");
        if part.length() > 0 {
            request = request.header(RANGE, format!("bytes={}-", part.length()));
            if let Some(validator) = part.from().filter(|_| same).and_then(|f| f.validator.as_ref()) {
                request = request.header(IF_RANGE, validator);
            }
        }
        let response = request.send().map_err(|error| self.no_answer(&error))?;
        let length = response.content_length();
        let total = match expect_body(&response, part.length(), size)? {
            Body::Rest => size.or(length.map(|n| n.saturating_add(part.length()))),
            Body::Whole => {
                part.restart(From { validator: validator(response.headers()), ..from })?;
                size.or(length)
            }
            Body::Other => {
                part.restart(from)?;
                return Err(Stop::Broken(
                    "answers with another part of the file than was asked for".to_owned(),
                    None,
                ));
            }
        };
        self.receive(cx, task, response, part, total)?;
        match total {
            Some(total) if part.length() < total => {
                Err(Stop::Broken(format!("broke off after {} of {total} bytes", part.length()), None))
            }
            _ => Ok(()),
        }
    }

    /// Reads the body to its end, but no further than `total`, and not slower than allowed.
    fn receive(
        &self,
        cx: &Context,
        task: &Task,
        mut body: Response,
        part: &mut Part,
        total: Option<u64>,
    ) -> Result<(), Stop> {
        let mut buffer = vec![0; 1 << 16];
        let (mut since, mut base) = (Instant::now(), part.length());
        let limit = total.unwrap_or(LARGEST);
        loop {
            cx.interrupt.check().map_err(|error| Stop::Local(error.into()))?;
            let read = match body.read(&mut buffer) {
                Ok(0) => return Ok(()),
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => {
                    let why = format!("broke off after {} bytes ({})", part.length(), innermost(&error));
                    return Err(Stop::Broken(why, None));
                }
            };
            if part.length() + read as u64 > limit {
                return Err(Stop::Refused(format!(
                    "sends more than the {limit} bytes that the file may have"
                )));
            }
            part.append(&buffer[..read])?;
            task.bytes(part.length(), total.unwrap_or(0));
            let elapsed = since.elapsed();
            if elapsed >= self.tuning.stall {
                if ((part.length() - base) as f64) < self.tuning.slowest as f64 * elapsed.as_secs_f64() {
                    return Err(Stop::Broken(
                        format!("slower than {} bytes a second", self.tuning.slowest),
                        None,
                    ));
                }
                (since, base) = (Instant::now(), part.length());
            }
        }
    }

    fn no_answer(&self, error: &reqwest::Error) -> Stop {
        let why = error.source().map_or_else(|| error.to_string(), innermost);
        if error.is_redirect() {
            return Stop::Refused(format!("redirects without end ({why})"));
        }
        if error.is_connect() {
            let why = if error.is_timeout() {
                format!("no connection within {:?}", self.tuning.connect)
            } else {
                why
            };
            return Stop::Unreachable(format!("cannot be reached ({why})"));
        }
        if error.is_timeout() {
            return Stop::Broken(format!("no answer within {:?}", self.tuning.stall), None);
        }
        if error.is_builder() {
            return Stop::Refused(format!("cannot be asked for ({why})"));
        }
        Stop::Broken(format!("no answer ({why})"), None)
    }
}

/// Judges status and headers of the answer to a request for what follows the first `have` bytes.
fn expect_body(response: &Response, have: u64, size: Option<u64>) -> Result<Body, Stop> {
    let status = response.status();
    let differs = |theirs: u64| match size {
        Some(size) if size != theirs => {
            Err(Stop::Refused(format!("has a file of {theirs} bytes, the locked one has {size}")))
        }
        _ => Ok(()),
    };
    match status {
        StatusCode::OK => {
            let length = header(response, CONTENT_LENGTH).and_then(|text| text.parse().ok());
            length.map_or(Ok(()), differs)?;
            Ok(Body::Whole)
        }
        // RFC 9110 §15.3.7: it may be another range than the one asked for.
        StatusCode::PARTIAL_CONTENT => match header(response, CONTENT_RANGE).and_then(parse_range) {
            Some((start, total)) => {
                total.map_or(Ok(()), differs)?;
                Ok(if start == have { Body::Rest } else { Body::Other })
            }
            None => Ok(Body::Other),
        },
        // RFC 9110 §15.5.17: their file ends where ours does, or before.
        StatusCode::RANGE_NOT_SATISFIABLE => Ok(Body::Other),
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS => {
            Err(Stop::Broken(says(status), retry_after(response)))
        }
        _ if status.is_server_error() => Err(Stop::Broken(says(status), retry_after(response))),
        _ => Err(Stop::Refused(says(status))),
    }
}

fn says(status: StatusCode) -> String {
    format!("the server says {status}")
}

/// Seconds only: the form with a date needs a right clock (RFC 9110 §10.2.3).
fn retry_after(response: &Response) -> Option<Duration> {
    header(response, RETRY_AFTER)?.parse().ok().map(Duration::from_secs)
}

/// `bytes 100-199/200` or `bytes 100-199/*` → (100, total).
fn parse_range(text: &str) -> Option<(u64, Option<u64>)> {
    let (range, total) = text.strip_prefix("bytes ")?.split_once('/')?;
    let start = range.split_once('-')?.0.parse().ok()?;
    Some((start, total.parse().ok()))
}

/// RFC 9110 §13.1.5: a weak entity tag must not go into If-Range.
fn validator(headers: &HeaderMap) -> Option<String> {
    let text = |name| headers.get(name)?.to_str().ok().map(ToOwned::to_owned);
    text(ETAG).filter(|tag| !tag.starts_with("W/")).or_else(|| text(LAST_MODIFIED))
}

fn header(response: &Response, name: HeaderName) -> Option<&str> {
    response.headers().get(name)?.to_str().ok()
}

/// The cause at the bottom: libraries wrap it in sentences that say less.
fn innermost(error: &(dyn std::error::Error + 'static)) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_ranges() {
        let cases = [
            ("bytes 5-9/10", Some((5, Some(10)))),
            ("bytes 0-0/*", Some((0, None))),
            ("bytes */10", None),
            ("lines 1-2/3", None),
            ("bytes 5", None),
        ];
        for (text, expected) in cases {
            assert_eq!(parse_range(text), expected, "{text}");
        }
    }
}
