//! A board as QEMU's command line: every argument comes from the board's file or is explained here.

use std::ffi::OsString;
use std::path::Path;

use anyhow::{Context as _, Result};

use crate::board::{Board, ByteSize};

/// The program that emulates every 32-bit x86 board.
pub const PROGRAM: &str = "qemu-system-i386";

/// What to boot, and what its wires lead to.
pub struct Machine<'a> {
    /// Facts about the hardware.
    pub board: &'a Board,
    /// RAM: the board's, or what the user put in its place.
    pub memory: ByteSize,
    /// The kernel image.
    pub kernel: &'a Path,
    /// The root file system, a cpio archive.
    pub rootfs: &'a Path,
    /// Where the NIC's wire leads.
    pub network: Network<'a>,
    /// Where the console's wire leads.
    pub console: Console,
    /// Set for a machine whose clock is its instructions and goes in step with its host.
    pub counted: Option<Counted<'a>>,
}

/// A machine that counts its instructions, one a nanosecond of its clock, and does one thing only.
#[derive(Clone, Copy, Debug)]
pub struct Counted<'a> {
    /// QEMU's plugin with its arguments.
    pub plugin: &'a str,
    /// Descriptor of a connected stream socket that gets a copy of each frame on the NIC's wire. Of a frame
    /// to the guest, when the NIC has it.
    pub echo: i32,
    /// The program that the kernel starts instead of init, and its arguments.
    pub init: &'a str,
}

/// Where the NIC's wire leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Network<'a> {
    /// Standard input is a connected stream socket that takes frames, each after its length.
    Socket,
    /// QEMU's own user-mode network: out through the host, in through these forwards.
    User(&'a [Forward]),
}

/// A TCP port of the host's loopback that leads to one of the guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Forward {
    /// The port on 127.0.0.1.
    pub host: u16,
    /// The port in the guest.
    pub guest: u16,
}

/// Where the console's wire leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Console {
    /// Standard output is a connected stream socket, read and written.
    Socket,
    /// The user's terminal, with QEMU's monitor behind the escape key.
    Terminal,
}

impl Machine<'_> {
    /// The arguments of [`PROGRAM`].
    ///
    /// # Errors
    /// The board's file has no `qemu` part.
    pub fn arguments(&self) -> Result<Vec<OsString>> {
        let name = &self.board.name;
        let qemu = self.board.qemu.as_ref().with_context(|| {
            format!(
                "board `{name}` cannot be run in QEMU: its file has no `qemu` part (see boards/qemu-pc.yaml)"
            )
        })?;
        let mut arguments = Arguments::default();
        arguments.pair("-machine", &qemu.machine);
        arguments.pair("-accel", "tcg");
        arguments.pair("-cpu", &qemu.cpu);
        arguments.pair("-smp", &self.board.cpu.count.to_string());
        arguments.pair("-m", &format!("{}K", self.memory.bytes() / 1024));
        // Nothing but what is asked for: no floppy, no video, no second NIC.
        arguments.pair("-nodefaults", "-no-user-config");
        arguments.pair("-display", "none");
        // A machine that crashes ends instead of starting again.
        arguments.flag("-no-reboot");

        match self.network {
            Network::Socket => {
                arguments.pair("-netdev", "stream,id=wire,server=off,addr.type=fd,addr.str=0");
            }
            Network::User(forwards) => {
                let forwards = forwards
                    .iter()
                    .map(|forward| format!(",hostfwd=tcp:127.0.0.1:{}-:{}", forward.host, forward.guest));
                arguments.pair("-netdev", &format!("user,id=wire{}", forwards.collect::<String>()));
            }
        }
        match &self.counted {
            None => arguments.pair("-device", &format!("{},netdev=wire", qemu.nic)),
            Some(counted) => {
                arguments.pair("-icount", "shift=0");
                arguments.pair("-plugin", counted.plugin);
                let echo = format!("stream,id=echo,server=off,addr.type=fd,addr.str={}", counted.echo);
                arguments.pair("-netdev", &echo);
                // The hub serves the port that was made last first: the NIC before the echo.
                for port in ["a,netdev=wire", "b,netdev=echo", "c"] {
                    arguments.pair("-netdev", &format!("hubport,hubid=0,id={port}"));
                }
                arguments.pair("-device", &format!("{},netdev=c", qemu.nic));
            }
        }

        match self.console {
            Console::Socket => arguments.pair("-chardev", "socket,id=console,fd=1"),
            // Ctrl-C belongs to the guest here, not to QEMU.
            Console::Terminal => {
                arguments.pair("-chardev", "stdio,id=console,mux=on,signal=off");
                arguments.pair("-mon", "chardev=console,mode=readline");
            }
        }
        arguments.pair("-serial", "chardev:console");

        arguments.path("-kernel", self.kernel);
        arguments.path("-initrd", self.rootfs);
        arguments.pair("-append", &self.kernel_arguments());
        for argument in &qemu.arguments {
            arguments.flag(argument);
        }
        Ok(arguments.0)
    }

    /// The kernel's command line.
    fn kernel_arguments(&self) -> String {
        let console = &self.board.console;
        let mut words = vec![
            format!("console={},{}", console.device, console.baud),
            // A panic ends the machine at once instead of hanging.
            "panic=-1".to_owned(),
            // The console reader tells kernel lines by their time.
            "printk.time=1".to_owned(),
        ];
        words.extend(self.board.kernel.arguments.iter().cloned());
        if let Some(counted) = &self.counted {
            let (program, arguments) = counted.init.split_once(' ').unwrap_or((counted.init, ""));
            words.push(format!("rdinit={program} -- {arguments}"));
        }
        words.join(" ")
    }
}

#[derive(Default)]
struct Arguments(Vec<OsString>);

impl Arguments {
    fn flag(&mut self, flag: &str) {
        self.0.push(flag.into());
    }

    fn pair(&mut self, key: &str, value: &str) {
        self.flag(key);
        self.flag(value);
    }

    fn path(&mut self, key: &str, path: &Path) {
        self.flag(key);
        self.0.push(path.into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::board;

    fn board() -> Board {
        Board {
            name: "toy".to_owned(),
            description: "A toy".to_owned(),
            cpu: board::Cpu { isa: board::Isa::I586, count: 2 },
            memory: ByteSize(16 << 20),
            console: board::Console { device: "ttyS1".to_owned(), baud: 57600 },
            interface: "eth0".to_owned(),
            root: board::Root::Initramfs,
            kernel: board::Kernel {
                fragments: vec![],
                stack: board::StackLink::Builtin,
                arguments: vec!["tsc=reliable".to_owned()],
            },
            qemu: Some(board::Qemu {
                machine: "pc".to_owned(),
                cpu: "pentium".to_owned(),
                nic: "rtl8139".to_owned(),
                arguments: vec!["-rtc".to_owned(), "base=utc".to_owned()],
            }),
            budgets: board::Budgets::default(),
        }
    }

    fn line(board: &Board, network: Network<'_>, console: Console) -> String {
        let machine = Machine {
            board,
            memory: ByteSize(8 << 20),
            kernel: Path::new("/k/bzImage"),
            rootfs: Path::new("/r/a,b c.cpio"),
            network,
            console,
            counted: None,
        };
        let arguments = machine.arguments().unwrap();
        arguments.iter().map(|word| word.to_str().unwrap()).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn every_fact_of_the_board_is_on_the_command_line() {
        let line = line(&board(), Network::Socket, Console::Socket);
        for part in [
            "-machine\npc\n-accel\ntcg\n-cpu\npentium\n-smp\n2\n-m\n8192K\n",
            "-netdev\nstream,id=wire,server=off,addr.type=fd,addr.str=0\n-device\nrtl8139,netdev=wire\n",
            "-chardev\nsocket,id=console,fd=1\n-serial\nchardev:console\n",
            "-kernel\n/k/bzImage\n-initrd\n/r/a,b c.cpio\n",
            "-append\nconsole=ttyS1,57600 panic=-1 printk.time=1 tsc=reliable\n",
            "-no-reboot\n",
            "-rtc\nbase=utc",
        ] {
            assert!(line.contains(part), "{part:?} is not in {line:?}");
        }
        assert!(!line.contains("kvm"));
    }

    #[test]
    fn a_shell_has_the_terminal_and_forwards() {
        let forwards = [Forward { host: 40023, guest: 23 }, Forward { host: 40080, guest: 80 }];
        let line = line(&board(), Network::User(&forwards), Console::Terminal);
        assert!(line.contains(
            "-netdev\nuser,id=wire,hostfwd=tcp:127.0.0.1:40023-:23,hostfwd=tcp:127.0.0.1:40080-:80\n"
        ));
        assert!(
            line.contains(
                "-chardev\nstdio,id=console,mux=on,signal=off\n-mon\nchardev=console,mode=readline\n"
            )
        );
    }

    #[test]
    fn a_board_without_a_likeness_is_an_error() {
        let board = Board { qemu: None, ..board() };
        let machine = Machine {
            board: &board,
            memory: ByteSize(1 << 20),
            kernel: Path::new("k"),
            rootfs: Path::new("r"),
            network: Network::Socket,
            console: Console::Socket,
            counted: None,
        };
        assert!(machine.arguments().unwrap_err().to_string().contains("board `toy` cannot be run in QEMU"));
    }
}
