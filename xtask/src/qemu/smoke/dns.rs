//! Names are resolved by the peer's DNS server, and one that does not exist is not.

use anyhow::Result;

use super::{Evidence, Guest, Mismatch};
use crate::peer::plan;

/// Asks for the file server, and for nobody.
pub fn run(guest: &mut Guest) -> Result<Evidence> {
    let command = format!("nslookup {}", plan::FILES);
    let output = guest.succeed(&command)?;
    let address = plan::SERVER.to_string();
    Mismatch::check_lines(&command, &output, &[&["Address", &address]])?;

    let unknown = format!("nobody.{}", plan::DOMAIN);
    let answer = guest.run(&format!("nslookup {unknown}"))?;
    if answer.status == 0 {
        return Err(Mismatch::new(format!("{unknown} not to be found"), answer.output).into());
    }
    Ok(Evidence::new(format!("{} is {address}, {unknown} does not exist", plan::FILES)))
}
