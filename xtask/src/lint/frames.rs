//! Stack frames of at most 512 bytes in the stack's object: the kernel's own stack is 8 KB for all.
//!
//! Depth is followed along the control flow of each function: pushes, `sub esp`, `lea esp`,
//! `leave`. A frame is what a function takes below its return address, arguments that it pushes
//! for others included. A frame whose size is only known at run time is refused.

use super::functions::{Function, functions, members, parse};
use anyhow::{Context as _, Result, bail};
use iced_x86::{Decoder, DecoderOptions, FlowControl, Instruction, Mnemonic, OpKind, Register};
use rustc_demangle::demangle;
use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

/// The most that one frame may take, in bytes.
pub const LIMIT: u32 = 512;

/// What was looked at.
#[derive(Debug, Default)]
pub struct Report {
    /// Functions followed.
    pub functions: usize,
    /// The deepest frames within the limit, deepest first, in bytes.
    pub deepest: Vec<(String, u32)>,
    /// Frames that are refused.
    pub findings: Vec<Finding>,
}

/// One frame that is too large.
#[derive(Clone, Debug)]
pub struct Finding {
    /// The function, demangled.
    pub function: String,
    /// Its frame.
    pub frame: Frame,
}

/// What a function takes of the stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Frame {
    /// At most so many bytes.
    Bytes(u32),
    /// As many as a register says.
    Dynamic,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self.frame {
            Frame::Bytes(bytes) => write!(f, "{}: {bytes} bytes", self.function),
            Frame::Dynamic => write!(f, "{}: as many bytes as a register says (alloca)", self.function),
        }
    }
}

/// Checks an object or archive on disk; an error names each function with its frame.
pub fn check(path: &Path) -> Result<Report> {
    let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let report = examine(&path.display().to_string(), &bytes)?;
    if report.findings.is_empty() {
        return Ok(report);
    }
    let lines: Vec<_> = report.findings.iter().map(|finding| format!("  {finding}")).collect();
    bail!(
        "stack frames over {LIMIT} bytes in {}:\n{}\nKeep buffers in allocated memory, pass large values by \
         reference, and keep rare paths out of line (#[inline(never)]).",
        path.display(),
        lines.join("\n"),
    );
}

/// Checks `bytes`, the contents of the file called `name`.
pub fn examine(name: &str, bytes: &[u8]) -> Result<Report> {
    let mut report = Report::default();
    for (member, bytes) in members(name, bytes)? {
        if member.contains("(compiler_builtins-") {
            continue; // The link takes a few leaf functions of it, none of its large ones.
        }
        let file = parse(&member, bytes)?;
        for function in functions(&file).with_context(|| member.clone())? {
            report.functions += 1;
            let name = format!("{:#}", demangle(function.name));
            match frame(&function) {
                Frame::Bytes(bytes) if bytes <= LIMIT => report.deepest.push((name, bytes)),
                frame => report.findings.push(Finding { function: name, frame }),
            }
        }
    }
    report.deepest.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    report.deepest.truncate(10);
    Ok(report)
}

/// Stack pointer and frame pointer, in bytes below the return address.
#[derive(Clone, Copy, Default)]
struct Depth {
    esp: i64,
    ebp: Option<i64>,
}

fn frame(function: &Function) -> Frame {
    let mut decoder = Decoder::with_ip(32, function.bytes, function.address, DecoderOptions::NONE);
    let code: BTreeMap<u64, Instruction> =
        decoder.iter().map(|instruction| (instruction.ip(), instruction)).collect();
    let mut depths: BTreeMap<u64, Depth> = BTreeMap::new();
    let mut waiting = vec![(function.address, Depth::default())];
    let mut deepest = 0;
    let mut at_table = None;
    loop {
        while let Some((start, mut depth)) = waiting.pop() {
            for (&ip, instruction) in code.range(start..) {
                if depths.insert(ip, depth).is_some() {
                    break;
                }
                if depth.step(instruction).is_err() {
                    return Frame::Dynamic;
                }
                deepest = deepest.max(depth.esp);
                match instruction.flow_control() {
                    FlowControl::ConditionalBranch => waiting.push((instruction.near_branch_target(), depth)),
                    FlowControl::UnconditionalBranch => {
                        waiting.push((instruction.near_branch_target(), depth));
                        break;
                    }
                    FlowControl::IndirectBranch => {
                        at_table = Some(depth);
                        break;
                    }
                    FlowControl::Return | FlowControl::Exception => break,
                    _ => {}
                }
            }
        }
        // Cases of a jump table are reached by no branch that names them: take them up at its depth.
        let unseen = code.keys().find(|&ip| !depths.contains_key(ip));
        match (at_table, unseen) {
            (Some(depth), Some(&ip)) => waiting.push((ip, depth)),
            _ => return Frame::Bytes(u32::try_from(deepest).unwrap_or(0)),
        }
    }
}

/// The stack pointer was moved by an amount that is not in the code.
struct Unknown;

impl Depth {
    fn step(&mut self, instruction: &Instruction) -> Result<(), Unknown> {
        let into_esp = instruction.op_count() > 0
            && instruction.op0_kind() == OpKind::Register
            && instruction.op0_register() == Register::ESP;
        match instruction.mnemonic() {
            Mnemonic::Sub if into_esp => self.esp += constant(instruction)?,
            Mnemonic::Add if into_esp => self.esp -= constant(instruction)?,
            Mnemonic::Inc if into_esp => self.esp -= 1,
            Mnemonic::Dec if into_esp => self.esp += 1,
            // Alignment may take anything below it.
            Mnemonic::And if into_esp => self.esp += !constant(instruction)? & 0xfff,
            Mnemonic::Mov if into_esp => self.esp = self.below(instruction.op1_register()),
            Mnemonic::Lea if into_esp => {
                if instruction.memory_index() != Register::None {
                    return Err(Unknown);
                }
                let offset = i64::from(instruction.memory_displacement32() as i32);
                self.esp = match instruction.memory_base() {
                    base @ (Register::ESP | Register::EBP) => self.below(base) - offset,
                    saved => self.below(saved),
                };
            }
            Mnemonic::Leave => {
                self.esp = self.below(Register::EBP) - 4;
                self.ebp = None;
            }
            Mnemonic::Enter => return Err(Unknown),
            Mnemonic::Cmp | Mnemonic::Test => {}
            Mnemonic::Xchg | Mnemonic::Pop if into_esp => return Err(Unknown),
            Mnemonic::Ret | Mnemonic::Iret | Mnemonic::Iretd | Mnemonic::Retf | Mnemonic::Call => {}
            _ => self.esp -= i64::from(instruction.stack_pointer_increment()),
        }
        let into_ebp = instruction.op_count() > 0 && instruction.op0_register() == Register::EBP;
        match instruction.mnemonic() {
            Mnemonic::Mov if into_ebp && instruction.op1_register() == Register::ESP => {
                self.ebp = Some(self.esp)
            }
            Mnemonic::Mov | Mnemonic::Lea | Mnemonic::Pop | Mnemonic::Xor if into_ebp => self.ebp = None,
            _ => {}
        }
        Ok(())
    }

    /// How far below the return address the pointer in `register` stands. One that was not
    /// followed is the caller's own, kept by a function that aligned its stack.
    fn below(&self, register: Register) -> i64 {
        match register {
            Register::ESP => self.esp,
            Register::EBP => self.ebp.unwrap_or(0),
            _ => 0,
        }
    }
}

fn constant(instruction: &Instruction) -> Result<i64, Unknown> {
    match instruction.op1_kind() {
        OpKind::Immediate8to32 | OpKind::Immediate32 => Ok(i64::from(instruction.immediate(1) as i32)),
        _ => Err(Unknown),
    }
}

#[cfg(test)]
mod tests {
    use super::super::assemble::{assemble, compile};
    use super::*;

    fn frame_of(object: &[u8]) -> Frame {
        let report = examine("test.o", object).unwrap();
        match (report.findings.first(), report.deepest.first()) {
            (Some(finding), _) => finding.frame,
            (None, Some((_, bytes))) => Frame::Bytes(*bytes),
            (None, None) => panic!("no function"),
        }
    }

    #[test]
    fn frames_are_measured() {
        let cases = [
            ("leaf", "ret", Frame::Bytes(0)),
            ("pushes", "push %ebx\npush %esi\npop %esi\npop %ebx\nret", Frame::Bytes(8)),
            ("sub", "push %ebx\nsub $508,%esp\nadd $508,%esp\npop %ebx\nret", Frame::Bytes(512)),
            ("over", "sub $516,%esp\nadd $516,%esp\nret", Frame::Bytes(516)),
            ("add of a negative", "add $-1024,%esp\nsub $-1024,%esp\nret", Frame::Bytes(1024)),
            (
                "frame pointer",
                "push %ebp\nmov %esp,%ebp\nsub $64,%esp\nlea -8(%ebp),%esp\npush %eax\nleave\nret",
                Frame::Bytes(68),
            ),
            (
                "on a branch",
                "test %eax,%eax\nje 1f\nret\n1: sub $600,%esp\nadd $600,%esp\nret",
                Frame::Bytes(600),
            ),
            (
                "early return",
                "push %ebx\nje 1f\npop %ebx\nret\n1: push %esi\npop %esi\npop %ebx\nret",
                Frame::Bytes(8),
            ),
            ("loop", "1: push %eax\npop %eax\njne 1b\nret", Frame::Bytes(4)),
            ("arguments for a call", "push $1\npush $2\ncall g\nadd $8,%esp\nret", Frame::Bytes(8)),
            (
                "jump table",
                "push %ebx\njmp *table(,%eax,4)\nsub $800,%esp\nadd $800,%esp\npop %ebx\nret",
                Frame::Bytes(804),
            ),
            ("alloca", "push %ebp\nmov %esp,%ebp\nsub %eax,%esp\nleave\nret", Frame::Dynamic),
            (
                "aligned",
                "push %ebp\nmov %esp,%ebp\nand $-16,%esp\nsub $16,%esp\nleave\nret",
                Frame::Bytes(35),
            ),
        ];
        for (case, body, expected) in cases {
            let source = format!(".type f,@function\nf: {body}\n.size f,.-f");
            assert_eq!(frame_of(&assemble(&source)), expected, "{case}");
        }
    }

    #[test]
    fn compiled_frames_are_measured() {
        let body = |size: &str| {
            format!("void use(char *); int f(int n) {{ char b[{size}]; use(b); return b[n & 3]; }}")
        };
        let Frame::Bytes(small) = frame_of(&compile(&body("400"))) else { panic!() };
        let Frame::Bytes(large) = frame_of(&compile(&body("2000"))) else { panic!() };
        assert!((400..450).contains(&small), "{small}");
        assert!((2000..2050).contains(&large), "{large}");
        assert_eq!(frame_of(&compile(&body("n"))), Frame::Dynamic);
    }

    #[test]
    fn the_error_names_the_function() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("stack.o");
        std::fs::write(&path, assemble(".type f,@function\nf: sub $516,%esp\n.size f,.-f")).unwrap();
        let message = check(&path).unwrap_err().to_string();
        assert!(message.contains("f: 516 bytes") && message.contains("stack.o"), "{message}");
    }
}
