//! One of the two machines: booted, with an address and the probe, ready for calls.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use super::transcript::Transcript;
use crate::context::Context;
use crate::peer::plan;
use crate::qemu::smoke::{self, Report, Session, Subject};

/// All cases, on a machine that checks itself and on a busy host.
const LIMIT: Duration = Duration::from_secs(1200);

const PING_GROUPS: &str = "/proc/sys/net/ipv4/ping_group_range";

/// A machine that answers.
pub struct Side {
    session: Session,
    /// Where the transcript is kept, to look at.
    transcript: PathBuf,
}

impl Side {
    /// Boots `subject` and takes it through its steps.
    ///
    /// # Errors
    /// It does not come so far.
    pub fn start(cx: &Context, subject: &Subject<'_>) -> Result<Side> {
        let mut session = smoke::start(cx, subject)?;
        let start = Instant::now();
        for step in subject.steps {
            let report = smoke::take(step, &mut session.guest);
            cx.interrupt.check()?;
            if report.result.is_err() {
                let traces = session.traces.clone();
                let report =
                    Report { steps: vec![report], skipped: Vec::new(), time: start.elapsed(), traces };
                bail!("{}", report.text());
            }
        }
        // Who may have ping sockets: everybody, as on distributions. Our stack has no such setting.
        session.guest.succeed(&format!("test ! -f {PING_GROUPS} || echo 0 2147483647 >{PING_GROUPS}"))?;
        Ok(Side { session, transcript: subject.dir.join("calls.txt") })
    }

    /// Makes the calls of the cases whose names begin with `prefix`.
    ///
    /// # Errors
    /// The machine ended, or the program did not come to its end.
    pub fn calls(&mut self, prefix: &str) -> Result<Transcript> {
        let text = calls(&mut self.session.guest, prefix)?;
        std::fs::write(&self.transcript, &text)
            .with_context(|| format!("cannot write {}", self.transcript.display()))?;
        Transcript::parse(&text).with_context(|| format!("see {}", self.transcript.display()))
    }
}

impl Side {
    /// Makes generated calls: `count` sequences of `length` steps from seed `first` on, without the steps in `skipped`.
    ///
    /// # Errors
    /// As [`calls`](Self::calls).
    pub fn sequences(&mut self, first: u32, count: u32, length: u32, skipped: &[u32]) -> Result<Transcript> {
        let skipped: String = skipped.iter().fold(",".to_owned(), |list, step| list + &format!("{step},"));
        let command = format!("/tmp/probe sequences {first} {count} {length} {skipped} >/tmp/calls 2>&1");
        self.session.guest.succeed_within(&command, LIMIT)?;
        Transcript::parse(&self.session.guest.succeed_within("cat /tmp/calls; rm /tmp/calls", LIMIT)?)
    }
}

/// What the probe writes about its calls.
///
/// # Errors
/// The machine ended, or the program does not end in time.
pub fn calls(guest: &mut crate::qemu::guest::Guest, prefix: &str) -> Result<String> {
    let (peer, silent, absent, own) = (plan::GATEWAY, plan::SILENT, plan::ABSENT, plan::GUEST);
    let (echo, closed, reset) = (plan::ECHO_PORT, plan::CLOSED_PORT, plan::RESET_PORT);
    let places = format!("{peer} {silent} {absent} {own} {} {echo} {closed} {reset}", plan::BROADCAST);
    guest.succeed_within(&format!("/tmp/probe calls {places} '{prefix}' >/tmp/calls 2>&1"), LIMIT)?;
    guest.succeed_within("cat /tmp/calls; rm /tmp/calls", LIMIT)
}
