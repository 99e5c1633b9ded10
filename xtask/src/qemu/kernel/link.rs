//! The interface goes down and up, and gets another address, under open connections.

use anyhow::Result;

use super::steady;
use crate::peer::plan;
use crate::qemu::guest::Guest;
use crate::qemu::smoke::Evidence;

/// Down for two seconds, twice: what is sent meanwhile is sent again.
pub fn down_and_up(guest: &mut Guest) -> Result<Evidence> {
    let interface = guest.interface.clone();
    steady::during(guest, |guest| {
        for _ in 0..2 {
            guest.succeed(&format!("ifconfig {interface} down; sleep 2; ifconfig {interface} up"))?;
            default_route(guest)?;
            guest.succeed("sleep 1")?;
        }
        guest.succeed(&format!("ping -c 1 -W 5 {}", plan::SERVER)).map(|_| ())
    })
}

/// Another address for two seconds, in use by new connections; the old ones wait for theirs.
pub fn another_address(guest: &mut Guest) -> Result<Evidence> {
    let set = format!("ifconfig {} {{}} netmask {}", guest.interface, plan::NETMASK);
    steady::during(guest, |guest| {
        guest.succeed(&set.replace("{}", &plan::ANOTHER.to_string()))?;
        guest.succeed(&format!("wget -q -O /dev/null http://{}/probe", plan::GATEWAY))?;
        guest.succeed("sleep 2")?;
        guest.succeed(&set.replace("{}", &plan::GUEST.to_string()))?;
        default_route(guest)?;
        guest.succeed(&format!("ping -c 1 -W 5 {}", plan::SERVER)).map(|_| ())
    })
}

/// Set again if the change has taken it along.
fn default_route(guest: &mut Guest) -> Result<()> {
    let (gateway, has) = (plan::GATEWAY, "route -n | grep -q '^0.0.0.0'");
    guest.succeed(&format!("{has} || route add default gw {gateway}")).map(|_| ())
}
