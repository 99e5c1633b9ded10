//! Every case of the comparison of sockets, for what the kernel has to say about it: nobody compares here.

use anyhow::Result;

use crate::qemu::guest::Guest;
use crate::qemu::smoke::Evidence;
use crate::qemu::sockets::{self, transcript::Transcript};

/// Makes the calls and looks whether all were made.
pub fn run(guest: &mut Guest) -> Result<Evidence> {
    let transcript = Transcript::parse(&sockets::calls(guest, "")?)?;
    let (cases, results) = (transcript.cases(), transcript.results());
    Ok(Evidence::new(format!("{cases} cases, {results} results")).with("cases", cases))
}
