//! `packetdrill [--json] [--skips FILE] [-D NAME=VALUE] [--OPTION=VALUE] SCRIPT|FOLDER...`: runs scripts
//! against the stack. Ends with 1 if any failed, with 2 if it could not run them.

use linnet_sim::packetdrill::{Options, Report, Result, Skips, find, run};
use std::path::PathBuf;
use std::process::ExitCode;

fn main() -> ExitCode {
    match work(std::env::args().skip(1)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(message) => {
            eprintln!("packetdrill: {message}");
            ExitCode::from(2)
        }
    }
}

/// Says whether no script failed.
fn work(mut args: impl Iterator<Item = String>) -> std::result::Result<bool, String> {
    let mut options = Options::default();
    let mut paths = Vec::new();
    let mut skips = Skips::default();
    let mut json = false;
    while let Some(arg) = args.next() {
        if arg == "--json" {
            json = true;
        } else if arg == "--skips" {
            let path = args.next().ok_or("--skips needs a file")?;
            let text =
                std::fs::read_to_string(&path).map_err(|error| format!("cannot read {path}: {error}"))?;
            skips = Skips::parse(&text).map_err(|error| format!("{path}: {error}"))?;
        } else if arg == "-D" {
            let define = args.next().ok_or("-D needs NAME=VALUE")?;
            let (name, value) = define.split_once('=').ok_or("-D needs NAME=VALUE")?;
            options.defines.insert(name.to_owned(), value.to_owned());
        } else if let Some(flag) = arg.strip_prefix("--") {
            let (name, value) = flag.split_once('=').unwrap_or((flag, ""));
            options.flags.push((name.to_owned(), value.to_owned()));
        } else {
            paths.push(PathBuf::from(arg));
        }
    }
    if paths.is_empty() {
        return Err("name scripts, or folders with scripts (*.pkt)".into());
    }
    let scripts = find(&paths).map_err(|error| format!("cannot look for scripts: {error}"))?;
    if scripts.is_empty() {
        return Err("there is no script (*.pkt) in these folders".into());
    }
    let mut report = Report::default();
    for path in scripts {
        let text = std::fs::read_to_string(&path)
            .map_err(|error| format!("cannot read {}: {error}", path.display()))?;
        options.folder = path.parent().map(PathBuf::from).unwrap_or_default();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let outcome = skips.judge(&name, run(&text, &options));
        report.results.push(Result { outcome, path });
    }
    print!("{}", if json { report.json() } else { report.text() });
    Ok(report.counts().1 == 0)
}
