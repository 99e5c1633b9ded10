//! Which packages and compilers the host check finds, and what it says about the others.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::*;
use crate::context::{Options, Paths};
use crate::process::Interrupt;
use crate::report::Reporter;

/// A machine made of a temporary folder: its programs are shell scripts.
struct Fake {
    temp: tempfile::TempDir,
    machine: Machine,
}

impl Fake {
    fn new(programs: &[&str]) -> Self {
        let temp = tempfile::tempdir().unwrap();
        let bin = temp.path().join("bin");
        fs::create_dir_all(temp.path().join("usr/include")).unwrap();
        fs::create_dir_all(temp.path().join("usr/bin")).unwrap();
        fs::create_dir(&bin).unwrap();
        let machine =
            Machine { path: vec![bin], root: temp.path().to_path_buf(), cargo: None, is_root: true };
        let fake = Self { temp, machine };
        programs.iter().for_each(|name| fake.script(&format!("bin/{name}"), "exit 0"));
        fake
    }

    /// Everything but the packages called `without`.
    fn complete_but(without: &[&str]) -> Self {
        let fake = Self::new(&[]);
        for need in NEEDS.iter().filter(|need| !without.contains(&need.package)) {
            match need.evidence {
                Evidence::Program(name) => fake.script(&format!("bin/{name}"), "exit 0"),
                Evidence::File(paths) => fs::write(fake.machine.at(paths[0]), "").unwrap(),
            }
        }
        fake
    }

    /// Written by another process: were the descriptor ours, a child forked by a test beside this one
    /// could hold it open, and running the script would fail with "text file busy".
    fn script(&self, path: &str, body: &str) {
        let text = format!("#!/bin/sh\nroot={}\n{body}\n", self.temp.path().display());
        let mut write = Command::new("sh");
        write
            .args(["-c", r#"printf %s "$1" > "$0" && chmod 755 "$0""#])
            .arg(self.temp.path().join(path))
            .arg(text);
        assert!(write.status().unwrap().success());
    }

    fn rust_source(&self, sysroot: &str, version: &str) {
        let root = self.temp.path().join(sysroot);
        fs::create_dir_all(root.join("bin")).unwrap();
        fs::create_dir_all(root.join("lib/rustlib/src/rust/library/core/src")).unwrap();
        fs::write(root.join("lib/rustlib/src/rust/library/core/src/lib.rs"), "").unwrap();
        self.script(&format!("{sysroot}/bin/rustc"), &format!("echo 'rustc {version}'"));
    }

    /// An apt whose `install` works once there are lists, and that writes down its calls.
    fn apt(&self, rustc_web: &str, rustc: &str) {
        self.script(
            "bin/apt-get",
            "echo \"$*\" >> $root/calls\n\
             case $1 in\n\
             update) mkdir -p $root/var/lib/apt/lists; touch $root/var/lib/apt/lists/x_Packages $root/fresh;;\n\
             install) test -e $root/fresh || { echo E: 404 Not Found >&2; exit 100; }\n\
               for p; do case $p in\n\
                 bc|flex) printf '#!/bin/sh\\n' > $root/bin/$p; chmod +x $root/bin/$p;;\n\
                 rustc*) l=$root/usr/lib/rustlib/src/rust/library/core/src; mkdir -p $l; touch $l/lib.rs\n\
                   printf '#!/bin/sh\\necho rustc 1.96.0\\n' > $root/usr/bin/rustc; chmod +x $root/usr/bin/rustc;;\n\
               esac; done;;\n\
             esac",
        );
        let policy = format!(
            "case $2 in rustc-web) v='{rustc_web}';; *) v='{rustc}';; esac\n\
             for p in $2 $3; do echo $p:; echo \"  Installed: (none)\"; echo \"  Candidate: $v\"; done"
        );
        self.script("bin/apt-cache", &policy);
    }

    fn lists(&self) {
        fs::create_dir_all(self.temp.path().join("var/lib/apt/lists")).unwrap();
        fs::write(self.temp.path().join("var/lib/apt/lists/old_Packages"), "").unwrap();
    }

    fn calls(&self) -> String {
        fs::read_to_string(self.temp.path().join("calls")).unwrap_or_default()
    }

    fn install(&self, yes: bool) -> Result<()> {
        let out = self.temp.path().join("out");
        let paths = Paths { root: out.clone(), out, cache: self.temp.path().join("cache"), external: None };
        let options = Options { jobs: 1, offline: false, locked: false, yes, json: false };
        let cx = Context::new(paths, options, Reporter::quiet(), Interrupt::default()).unwrap();
        install(&cx, &self.machine, &Survey::take(&self.machine))
    }
}

#[test]
fn a_missing_program_is_named_with_its_reason() {
    let fake = Fake::complete_but(&["flex", "libc6-dev"]);
    fake.rust_source("usr", "1.96.0");
    let survey = Survey::take(&fake.machine);
    assert!(!survey.is_complete());
    let names: Vec<_> = survey.missing().map(|need| need.package).collect();
    assert_eq!(names, ["libc6-dev", "flex"]);
    assert!(survey.missing_text().contains("flex               generates the scanner"));
}

/// Name, preparation, the sysroot that is to be found.
type Case = (&'static str, fn(&mut Fake), Option<&'static str>);

#[test]
fn the_rust_source_must_fit_its_compiler() {
    let cases: [Case; 5] = [
        ("none at all", |_| {}, None),
        ("the distribution's", |f| f.rust_source("usr", "1.96.0 (abc)"), Some("usr")),
        ("the distribution's, too old", |f| f.rust_source("usr", "1.85.1"), None),
        (
            "the running toolchain's goes first",
            |f| {
                f.rust_source("usr", "1.96.0");
                f.rust_source("tc", "1.95.0");
                f.machine.cargo = Some(f.temp.path().join("tc/bin/cargo"));
            },
            Some("tc"),
        ),
        (
            "a running toolchain without source",
            |f| {
                f.rust_source("usr", "1.96.0");
                f.machine.cargo = Some(f.temp.path().join("bin/cargo"));
            },
            Some("usr"),
        ),
    ];
    for (name, prepare, sysroot) in cases {
        let mut fake = Fake::new(&[]);
        prepare(&mut fake);
        let expected = sysroot.map(|s| fake.temp.path().join(s).join("bin/rustc"));
        assert_eq!(rust::find(&fake.machine).map(|pair| pair.rustc), expected, "{name}");
    }
}

#[test]
fn root_installs_after_an_update_when_there_are_no_lists() {
    let fake = Fake::complete_but(&["bc", "flex"]);
    fake.apt("1.96.0+dfsg1-1~deb12u2", "1.63.0+dfsg1-2");
    fake.install(false).unwrap();
    let calls = fake.calls();
    assert_eq!(
        calls.lines().collect::<Vec<_>>(),
        ["update", "install --yes --no-install-recommends --no-remove flex bc rustc-web rust-web-src"]
    );
}

#[test]
fn lists_that_are_too_old_are_updated_once() {
    let fake = Fake::complete_but(&["bc"]);
    fake.rust_source("usr", "1.96.0");
    fake.apt("(none)", "(none)");
    fake.lists();
    fake.install(false).unwrap();
    let verbs: Vec<_> = fake.calls().lines().map(|line| line.split(' ').next().unwrap().to_owned()).collect();
    assert_eq!(verbs, ["install", "update", "install"]);
}

#[test]
fn a_user_who_did_not_say_yes_gets_the_command() {
    let mut fake = Fake::complete_but(&["bc"]);
    fake.rust_source("usr", "1.96.0");
    fake.apt("(none)", "(none)");
    fake.lists();
    fake.machine.is_root = false;
    let error = fake.install(false).unwrap_err().to_string();
    assert!(error.contains("apt-get update && apt-get install --yes"), "{error}");
    assert!(error.ends_with(" bc"), "{error}");
    assert_eq!(fake.calls(), "", "nothing was touched");
    // With --yes it goes through sudo.
    fake.script(
        "bin/sudo",
        "shift; while case $1 in *=*) true;; *) false;; esac; do shift; done; exec \"$@\"",
    );
    fake.install(true).unwrap();
    assert!(fake.calls().ends_with(" bc\n"));
}

#[test]
fn no_compiler_new_enough_in_apt() {
    let fake = Fake::complete_but(&[]);
    fake.apt("(none)", "1.85.1+dfsg1-1");
    fake.lists();
    let error = format!("{:#}", fake.install(false).unwrap_err());
    assert!(error.contains("1.90") && error.contains("rustup component add rust-src"), "{error}");
}

#[test]
fn rustup_provides_the_source_where_apt_cannot() {
    let mut fake = Fake::complete_but(&[]);
    fake.apt("(none)", "1.85.1+dfsg1-1");
    fake.lists();
    fake.machine.cargo = Some(fake.temp.path().join("tc/bin/cargo"));
    fake.script("bin/rustup", "l=$root/tc/lib/rustlib/src/rust/library/core/src; mkdir -p $l $root/tc/bin\ntouch $l/lib.rs $root/tc/bin/rustc");
    fake.install(false).unwrap();
    assert_eq!(fake.calls(), "", "apt was not asked to install");
}

#[test]
fn a_machine_without_apt_is_told_what_it_lacks() {
    let fake = Fake::complete_but(&["bison"]);
    let error = fake.install(true).unwrap_err().to_string();
    assert!(
        error.contains("bison") && error.contains("Kconfig") && error.contains("package manager"),
        "{error}"
    );
}

#[test]
fn every_need_says_why() {
    for need in &NEEDS {
        assert!(need.reason.len() > 15 && !need.reason.ends_with('.'), "{}", need.package);
    }
    assert!(Path::new("/proc/meminfo").exists() && RUST_REASON.contains("core"));
}
