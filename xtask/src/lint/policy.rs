//! Who may use instructions beyond i586, and why: code that asks the processor first.
//!
//! An entry names places, the features that they may use there, and the reason. Whatever is not
//! named is an error, so code that is new with a kernel or a library has to be looked at once.

use Place::{Function, Section};
use iced_x86::CpuidFeature as Feature;

/// What a binary is allowed.
#[derive(Clone, Copy, Debug)]
pub struct Policy {
    allowances: &'static [Allowance],
    locks: bool,
}

/// One exception.
#[derive(Clone, Copy, Debug)]
pub struct Allowance {
    /// Where it holds.
    pub places: &'static [Place],
    /// What it allows there; empty for everything.
    pub features: &'static [Feature],
    /// Why it never executes on an i586, or does no harm there.
    pub reason: &'static str,
}

/// A place in a binary. `*` in a name stands for anything: which function a compiler puts an
/// inline one into differs between compilers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// A function and what the compiler split off it (`name.part.0`, `name.cold`).
    Function(&'static str),
    /// A whole section.
    Section(&'static str),
}

impl Policy {
    /// No exceptions: the stack and everything in the root file system.
    pub const STRICT: Self = Self::new(&[]);

    /// The kernel: alternatives, and code behind a CPUID check.
    pub const KERNEL: Self = Self::new(KERNEL);

    /// A policy of one's own.
    pub const fn new(allowances: &'static [Allowance]) -> Self {
        Self { allowances, locks: false }
    }

    /// With LOCK prefixes wherever: code for a machine of more than one processor.
    #[must_use]
    pub const fn with_locks(self, locks: bool) -> Self {
        Self { locks, ..self }
    }

    /// Whether LOCK prefixes may be.
    #[must_use]
    pub const fn locks(&self) -> bool {
        self.locks
    }

    /// The exception that lets `function` in `section` use `feature`, if there is one.
    pub fn allowance(
        &self,
        function: &str,
        section: &str,
        feature: Option<Feature>,
    ) -> Option<&'static Allowance> {
        let source_name = function.split('.').next().unwrap_or(function);
        let here = |place: &Place| match *place {
            Function(pattern) => matches(pattern, source_name),
            Section(pattern) => matches(pattern, section),
        };
        self.allowances.iter().find(|allowance| {
            let covered =
                allowance.features.is_empty() || feature.is_some_and(|it| allowance.features.contains(&it));
            covered && allowance.places.iter().any(here)
        })
    }
}

/// Whether `name` is what `pattern` says, `*` standing for any run of characters.
fn matches(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == name,
        Some((head, tail)) => name.strip_prefix(head).is_some_and(|rest| {
            (0..=rest.len()).any(|at| rest.get(at..).is_some_and(|rest| matches(tail, rest)))
        }),
    }
}

/// Linux 6.12 on an i586 processor selection.
const KERNEL: &[Allowance] = &[
    Allowance {
        places: &[Section(".altinstr_replacement")],
        features: &[],
        reason: "copied over the original only on a processor with the feature",
    },
    Allowance {
        places: &[
            Function("*fpu*"),
            Function("*fpregs*"),
            Function("*fpstate*"),
            Function("*xstate*"),
            Function("*xsave*"),
            Function("*xrstor*"),
            Function("*fxrstor*"),
            Function("*fsave*"),
            Function("*sigframe*"),
        ],
        features: &[
            Feature::FXSR,
            Feature::XSAVE,
            Feature::XSAVES,
            Feature::XSAVEOPT,
            Feature::SSE,
            Feature::MMX,
        ],
        reason: "arch/x86/kernel/fpu: FNSAVE and FRSTOR unless CPUID reports FXSR or XSAVE",
    },
    Allowance {
        places: &[Function("*perf*"), Function("*pmu*"), Function("*topdown*")],
        features: &[Feature::RDPMC],
        reason: "performance counters: the driver binds only to a processor that has them",
    },
    Allowance {
        places: &[Function("*rdrand*"), Function("arch_get_random*"), Function("random_init*")],
        features: &[Feature::RDRAND, Feature::RDSEED],
        reason: "behind static_cpu_has(X86_FEATURE_RDRAND or RDSEED)",
    },
    Allowance {
        places: &[Function("*flush_tlb*"), Function("*invpcid*")],
        features: &[Feature::INVPCID],
        reason: "behind static_cpu_has(X86_FEATURE_INVPCID); an i586 rewrites CR3 or CR4",
    },
    Allowance {
        places: &[Function("*play_dead*")],
        features: &[Feature::CLFSH, Feature::MONITOR],
        reason: "an idle processor that was switched off: behind a check of X86_FEATURE_MWAIT; an i586 uses HLT",
    },
    Allowance {
        places: &[Function("lapic_next_deadline"), Function("__setup_APIC_LVTT")],
        features: &[Feature::SSE2],
        reason: "the local APIC's deadline timer, behind a check of X86_FEATURE_TSC_DEADLINE_TIMER",
    },
    Allowance {
        places: &[Function("*mwait*"), Function("delay_halt_*")],
        features: &[Feature::MONITOR, Feature::MONITORX, Feature::WAITPKG],
        reason: "idle and delay routines that are selected by CPUID; an i586 uses HLT and a loop",
    },
    Allowance {
        places: &[Function("*sync_core*"), Function("text_poke*"), Function("*static_call_update*")],
        features: &[Feature::SERIALIZE],
        reason: "sync_core() behind static_cpu_has(X86_FEATURE_SERIALIZE); an i586 uses IRET",
    },
    Allowance {
        places: &[Function("entry_SYSENTER_32")],
        features: &[Feature::SEP],
        reason: "reached by SYSENTER alone, whose MSRs are set up only where CPUID reports SEP",
    },
    Allowance {
        places: &[Function("*clflush*")],
        features: &[Feature::CLFSH],
        reason: "cache flushing, behind X86_FEATURE_CLFLUSH",
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        let cases = [
            ("strcpy", "strcpy", true),
            ("strcpy", "strcpy2", false),
            ("*fpu*", "kernel_fpu_begin", true),
            ("*fpu*", "fpu", true),
            ("*fpu*", "fp_u", false),
            ("delay_*", "delay_halt", true),
            ("delay_*", "my_delay_halt", false),
            ("a*b*c", "axxbyyc", true),
            ("a*b*c", "acb", false),
        ];
        for (pattern, name, expected) in cases {
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn an_allowance_holds_for_its_places_and_features_alone() {
        let allowed =
            |function, feature| Policy::KERNEL.allowance(function, ".text", Some(feature)).is_some();
        assert!(allowed("kernel_fpu_begin_mask", Feature::SSE));
        assert!(allowed("fpu__init_cpu.part.0", Feature::FXSR));
        assert!(!allowed("kernel_fpu_begin_mask", Feature::CMOV));
        assert!(!allowed("tcp_sendmsg", Feature::SSE));
        assert!(Policy::KERNEL.allowance(".altinstr_replacement", ".altinstr_replacement", None).is_some());
        assert!(Policy::STRICT.allowance("kernel_fpu_begin_mask", ".text", Some(Feature::SSE)).is_none());
    }

    #[test]
    fn every_allowance_has_a_reason() {
        assert!(KERNEL.iter().all(|allowance| allowance.reason.len() > 20 && !allowance.places.is_empty()));
    }
}
