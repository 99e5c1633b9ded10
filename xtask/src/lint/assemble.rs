//! Objects for the lint's tests, made by the host's compiler: GNU assembler and C, for i386.

use std::path::Path;
use std::process::Command;

/// The object that `source` (GNU assembler, AT&T syntax) assembles to.
pub fn assemble(source: &str) -> Vec<u8> {
    run("s", &format!("{source}\n"), |input, output| {
        let mut gcc = Command::new("gcc");
        gcc.args(["-m32", "-c", "-o"]).arg(output).arg(input);
        gcc
    })
}

/// The object that C `source` compiles to with the kernel's calling convention, one section a function.
pub fn compile(source: &str) -> Vec<u8> {
    run("c", source, |input, output| {
        let mut gcc = Command::new("gcc");
        gcc.args(["-m32", "-march=i586", "-mregparm=3", "-Os", "-ffunction-sections", "-fno-pic"]);
        gcc.args(["-ffreestanding", "-fno-asynchronous-unwind-tables", "-c", "-o"]).arg(output).arg(input);
        gcc
    })
}

/// The program that C `source` without libraries links to, as one with symbols or `stripped`.
pub fn link(source: &str, stripped: bool) -> Vec<u8> {
    run("c", source, |input, output| {
        let mut gcc = Command::new("gcc");
        gcc.args(["-m32", "-march=i586", "-Os", "-ffreestanding", "-nostdlib", "-static", "-no-pie"]);
        gcc.args(["-fno-pic", "-o"]).arg(output).arg(input).args(stripped.then_some("-s"));
        gcc
    })
}

fn run(extension: &str, source: &str, command: impl Fn(&Path, &Path) -> Command) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let (input, output) = (folder.path().join("test").with_extension(extension), folder.path().join("out"));
    std::fs::write(&input, source).unwrap();
    let done = command(&input, &output).output().expect("gcc, which the kernel needs as well");
    assert!(done.status.success(), "{}\n{source}", String::from_utf8_lossy(&done.stderr));
    std::fs::read(&output).unwrap()
}
