//! i586-cleanness: refuses instructions that a Pentium lacks, and LOCK prefixes.
//!
//! Quark X1000 is an i586 without MMX whose locked instructions can fault (erratum); it is
//! uniprocessor, so LOCK is never needed. `xchg` with memory locks without the prefix and is allowed. A kernel for
//! several processors needs LOCK, and its policy says so.

use super::functions::{Function, functions, members, parse};
use super::policy::Policy;
use anyhow::{Context as _, Result, bail};
use iced_x86::{CpuidFeature, Decoder, DecoderOptions, FastFormatter, Instruction};
use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

/// What was looked at, and what was let pass.
#[derive(Debug, Default)]
pub struct Report {
    /// Functions decoded.
    pub functions: usize,
    /// Instructions decoded.
    pub instructions: usize,
    /// Instructions that the policy allows, by the reason for which it does.
    pub allowed: BTreeMap<&'static str, usize>,
    /// Everything else.
    pub findings: Vec<Finding>,
}

/// One instruction that must not be there.
#[derive(Clone, Debug)]
pub struct Finding {
    /// The file, or `archive(member)`.
    pub file: String,
    /// The function's linker name.
    pub function: String,
    /// Its section.
    pub section: String,
    /// Address of the instruction; in an object the offset in the section.
    pub address: u64,
    /// The instruction, disassembled.
    pub text: String,
    /// What is wrong with it.
    pub fault: Fault,
}

/// Why an instruction is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Needs this processor feature.
    Beyond(CpuidFeature),
    /// Carries a LOCK prefix.
    Lock,
    /// Decodes to nothing, in a file whose symbols say that it is code.
    NotAnInstruction,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let Self { file, function, section, address, text, fault } = self;
        write!(f, "{file}: {function}+{section}@{address:#x}: `{text}` ")?;
        match fault {
            Fault::Beyond(feature) => write!(f, "needs {feature:?}, which an i586 lacks"),
            Fault::Lock => write!(f, "has a LOCK prefix, which can fault on Quark"),
            Fault::NotAnInstruction => write!(f, "is no instruction: data without an object symbol?"),
        }
    }
}

/// Checks a binary, object or archive on disk; an error names the offenders and what to do.
pub fn check(path: &Path, policy: &Policy) -> Result<Report> {
    let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let report = examine(&path.display().to_string(), &bytes, policy)?;
    if report.findings.is_empty() {
        return Ok(report);
    }
    let shown: Vec<_> = report.findings.iter().take(SHOWN).map(|finding| format!("  {finding}")).collect();
    let rest = report.findings.len().saturating_sub(SHOWN);
    let more = if rest > 0 { format!("\n  … and {rest} more") } else { String::new() };
    bail!(
        "{} instructions in {} would not run on the target:\n{}{more}\nCompile with -march=i586 (no multilib \
         libgcc) and -Wa,-momit-lock-prefix=yes; code behind a CPUID check goes into lint/policy.rs with its reason.",
        report.findings.len(),
        path.display(),
        shown.join("\n"),
    );
}

/// Checks `bytes`, the contents of the file called `name`.
pub fn examine(name: &str, bytes: &[u8], policy: &Policy) -> Result<Report> {
    let mut report = Report::default();
    for (member, bytes) in members(name, bytes)? {
        let file = parse(&member, bytes)?;
        for function in functions(&file).with_context(|| member.clone())? {
            decode(&member, &function, policy, &mut report);
        }
    }
    Ok(report)
}

fn decode(file: &str, function: &Function, policy: &Policy, report: &mut Report) {
    report.functions += 1;
    let has_symbols = function.name != function.section;
    let mut decoder = Decoder::with_ip(32, function.bytes, function.address, OPTIONS);
    let mut instruction = Instruction::default();
    while decoder.can_decode() {
        decoder.decode_out(&mut instruction);
        report.instructions += 1;
        let Some(fault) = fault(&instruction, policy) else { continue };
        if fault == Fault::NotAnInstruction && !has_symbols {
            continue; // A stripped file: what is data and what is code cannot be told apart.
        }
        let feature = if let Fault::Beyond(feature) = fault { Some(feature) } else { None };
        if let Some(allowance) = policy.allowance(function.name, function.section, feature) {
            *report.allowed.entry(allowance.reason).or_default() += 1;
            continue;
        }
        report.findings.push(Finding {
            file: file.to_owned(),
            function: function.name.to_owned(),
            section: function.section.to_owned(),
            address: instruction.ip(),
            text: disassemble(&instruction),
            fault,
        });
    }
}

fn fault(instruction: &Instruction, policy: &Policy) -> Option<Fault> {
    if instruction.is_invalid() {
        return Some(Fault::NotAnInstruction);
    }
    if instruction.has_lock_prefix() && !policy.locks() {
        return Some(Fault::Lock);
    }
    instruction.cpuid_features().iter().find(|feature| !I586.contains(feature)).copied().map(Fault::Beyond)
}

fn disassemble(instruction: &Instruction) -> String {
    let mut text = String::new();
    FastFormatter::new().format(instruction, &mut text);
    text
}

/// What an i586 has. Pentium's CPUID, TSC, CMPXCHG8B, MSRs and RSM included.
const I586: [CpuidFeature; 13] = [
    CpuidFeature::INTEL8086,
    CpuidFeature::INTEL8086_ONLY,
    CpuidFeature::INTEL186,
    CpuidFeature::INTEL286,
    CpuidFeature::INTEL386,
    CpuidFeature::INTEL486,
    CpuidFeature::FPU,
    CpuidFeature::FPU287,
    CpuidFeature::FPU387,
    CpuidFeature::CPUID,
    CpuidFeature::MSR,
    CpuidFeature::TSC,
    CpuidFeature::CX8,
];

/// `pause` is `rep nop` and `tzcnt` is `rep bsf` on an i586: compilers use both on purpose.
const OPTIONS: u32 = DecoderOptions::NO_PAUSE | DecoderOptions::NO_MPFX_0FBC;

/// Offenders in one message.
const SHOWN: usize = 12;

#[cfg(test)]
mod tests {
    use super::super::assemble::{assemble, link};
    use super::super::policy::{Allowance, Place};
    use super::*;

    fn findings(source: &str) -> Vec<Fault> {
        let report = examine("test.o", &assemble(source), &Policy::STRICT).unwrap();
        report.findings.into_iter().map(|finding| finding.fault).collect()
    }

    #[test]
    fn several_processors_may_lock() {
        let object = assemble("lock incl (%eax)\ncmove %eax,%ebx");
        for (policy, expected) in [(Policy::STRICT, 2), (Policy::STRICT.with_locks(true), 1)] {
            assert_eq!(examine("test.o", &object, &policy).unwrap().findings.len(), expected);
        }
    }

    #[test]
    fn planted_instructions_are_found() {
        let cases = [
            ("cmove %eax,%ebx", "CMOV"),
            ("fcmove %st(1),%st", "CMOV"),
            ("fucomi %st(1),%st", "CMOV"),
            ("emms", "MMX"),
            ("movq %mm0,%mm1", "MMX"),
            ("movaps %xmm0,%xmm1", "SSE"),
            ("cvtsi2sd %eax,%xmm0", "SSE2"),
            ("fisttps (%eax)", "SSE3"),
            ("nopl 0(%eax)", "MULTIBYTENOP"),
            ("endbr32", "CET_IBT"),
            ("sysenter", "SEP"),
            ("syscall", "SYSCALL"),
            ("fxsave (%eax)", "FXSR"),
            ("clflush (%eax)", "CLFSH"),
            ("mfence", "SSE2"),
            ("lfence", "SSE2"),
            ("rdrand %eax", "RDRAND"),
            ("popcnt %eax,%ebx", "POPCNT"),
            ("lzcnt %eax,%ebx", "LZCNT"),
            ("prefetchnta (%eax)", "SSE"),
            ("rdpmc", "RDPMC"),
            ("monitor", "MONITOR"),
        ];
        for (instruction, feature) in cases {
            let found = findings(&format!("f: nop\n{instruction}\nret"));
            let [Fault::Beyond(name)] = found.as_slice() else { panic!("{instruction}: {found:?}") };
            assert_eq!(format!("{name:?}"), feature, "{instruction}");
        }
    }

    #[test]
    fn planted_locks_are_found() {
        for instruction in ["lock incl (%eax)", "lock xadd %eax,(%edx)", "lock cmpxchg8b (%esi)"] {
            assert_eq!(findings(&format!("f: {instruction}\nret")), [Fault::Lock], "{instruction}");
        }
    }

    #[test]
    fn what_an_i586_has_passes() {
        let clean = "cpuid\nrdtsc\nrdmsr\nwrmsr\ncmpxchg8b (%esi)\nbswap %eax\nxadd %eax,(%ebx)\npause\nud2\n\
                     rep bsf %eax,%ebx\nbsr %eax,%ebx\nxchg %eax,(%ebx)\nfsin\nfprem1\nfucompp\ninvlpg (%eax)\n\
                     wbinvd\nmov %cr4,%eax\nrep movsl\n.byte 0x8d,0x74,0x26,0\nrep ret";
        assert_eq!(findings(&format!("f: {clean}")), []);
    }

    #[test]
    fn data_and_padding_in_text_give_no_false_alarm() {
        let cases = [
            (
                "a table with an object symbol",
                ".type t,@object\nt: .byte 0xf0,0x0f,0x44,0xc0\n.size t,4\nf: ret",
            ),
            (
                "padding behind a sized function",
                ".type f,@function\nf: ret\n.size f,1\n.byte 0x0f,0x1f,0,0x0f,0x44",
            ),
            ("bytes of cmov inside of an immediate", "f: mov $0xc0440f90,%eax\nret"),
            ("data sections", ".data\nd: .byte 0x0f,0x44,0xc0\n.section .rodata\nr: .byte 0xf0,0xff,0"),
        ];
        for (case, source) in cases {
            assert_eq!(findings(source), [], "{case}");
        }
    }

    #[test]
    fn programs_are_checked_with_and_without_symbols() {
        let dirty = "void _start(void) { asm volatile(\"cmove %eax,%ebx\"); for(;;); }";
        let clean = "int f(int x) { switch (x) { case 1: return 7; case 2: return 9; case 3: return 1; case 4: return 12; \
             case 5: return 80; default: return 0; } } void _start(void) { for(;;) f(3); }";
        for stripped in [false, true] {
            let found = examine("dirty", &link(dirty, stripped), &Policy::STRICT).unwrap().findings;
            assert_eq!(found.len(), 1, "stripped: {stripped}");
            assert_eq!(found[0].function, if stripped { ".text" } else { "_start" });
            let report = examine("clean", &link(clean, stripped), &Policy::STRICT).unwrap();
            assert!(report.findings.is_empty() && report.instructions > 10, "stripped: {stripped}");
        }
    }

    #[test]
    fn only_the_named_place_is_allowed() {
        const POLICY: Policy = Policy::new(&[
            Allowance { places: &[Place::Function("guarded")], features: &[CpuidFeature::SSE2], reason: "a" },
            Allowance { places: &[Place::Section(".replacement")], features: &[], reason: "b" },
        ]);
        let function = |name: &str| {
            format!(".globl {name}\n.type {name},@function\n{name}: mfence\nret\n.size {name},.-{name}\n")
        };
        let source = [
            function("guarded"),
            function("guarded.part.0"),
            function("other"),
            ".section .replacement,\"ax\"\nmfence\n".to_owned(),
        ];
        let report = examine("test.o", &assemble(&source.concat()), &POLICY).unwrap();
        assert_eq!(report.findings.iter().map(|f| f.function.as_str()).collect::<Vec<_>>(), ["other"]);
        assert_eq!(report.allowed.values().sum::<usize>(), 3);
    }

    #[test]
    fn the_error_says_what_where_and_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("planted.o");
        std::fs::write(&path, assemble("strcpy: nop\ncmove %eax,%ebx")).unwrap();
        let message = check(&path, &Policy::STRICT).unwrap_err().to_string();
        for part in ["planted.o", "strcpy", "0x1", "cmove ebx,eax", "CMOV", "-march=i586"] {
            assert!(message.contains(part), "{part} is not in: {message}");
        }
    }
}
