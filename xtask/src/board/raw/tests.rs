//! A good board, every kind of mistake in one, and boards of a product.

use super::*;

/// A checkout with two fragments.
fn checkout() -> (tempfile::TempDir, Paths) {
    let temp = tempfile::tempdir().unwrap();
    let root = temp.path().to_path_buf();
    for (folder, file) in [("kernel", "base.config"), ("kernel", "nic-virtio.config"), ("boards", "a.yaml")] {
        fs::create_dir_all(root.join(folder)).unwrap();
        fs::write(root.join(folder).join(file), "").unwrap();
    }
    let paths = Paths { out: root.join("target"), cache: root.join("cache"), root, external: None };
    (temp, paths)
}

const GOOD: &str = "\
description: a board
cpu:
  isa: i586
memory: 16 MiB
console:
  device: ttyS0
  baud: 115200
interface: eth0
root: initramfs
kernel:
  fragments: [base, nic-virtio]
  stack: builtin
qemu:
  machine: pc
  cpu: pentium
  nic: virtio-net-pci
budgets:
  rootfs: 2 MiB
";

fn read(text: &str) -> Result<Board, String> {
    let (_temp, paths) = checkout();
    parse(&paths, &paths.root.join("boards/a.yaml"), text, "a").map_err(|e| format!("{e:#}"))
}

#[test]
fn a_good_board() {
    let board = read(GOOD).unwrap();
    assert_eq!((board.name.as_str(), board.memory.bytes()), ("a", 16 << 20));
    assert_eq!(board.budgets.rootfs, Some(ByteSize(2 << 20)));
    assert_eq!(board.kernel.arguments, [""; 0]);
}

#[test]
fn each_mistake_is_named_with_its_place_and_remedy() {
    // What to replace, by what, how the message begins.
    let cases = [
        ("memory:", "memroy:", "boards/a.yaml:4:1: unknown key `memroy`: did you mean `memory`?"),
        ("  isa:", "  iza:", "boards/a.yaml:3:3: unknown key `iza` in `cpu`: did you mean `isa`?"),
        (
            "isa: i586",
            "isa: i568",
            "boards/a.yaml:3:8: unknown value `i568` in `cpu.isa`: did you mean `i586`?",
        ),
        ("isa: i586", "isa: i586\n  count: 9", "boards/a.yaml:4:10: cpu.count: 9 is not within 1 to 8"),
        ("stack: builtin", "stack: module", "boards/a.yaml:12:10: unknown value `module`"),
        ("root: initramfs", "root: ext4", "boards/a.yaml:9:7: unknown value `ext4`"),
        ("16 MiB", "16 MB", "boards/a.yaml:4:9: memory: `16 MB` is not a size: write it as `16 MiB`"),
        ("16 MiB", "8 GiB", "boards/a.yaml:4:1: memory: 8 GiB is not within 2 MiB to 1 GiB"),
        ("2 MiB", "-1", "boards/a.yaml:18:11: budgets.rootfs: "),
        ("115200", "1152000", "boards/a.yaml:7:9: 1152000 is none of the speeds"),
        ("115200", "fast", "boards/a.yaml:7:9: console.baud: invalid type"),
        ("ttyS0", "com1", "boards/a.yaml:6:11: `com1` is no serial device"),
        ("eth0", "a-very-long-name0", "boards/a.yaml:8:12: `a-very-long-name0` is no name"),
        (
            "nic-virtio]",
            "nic-virtoi]",
            "boards/a.yaml:11:21: there is no kernel fragment `nic-virtoi`: did you mean `nic-virtio`?",
        ),
        ("[base,", "[base, base,", "boards/a.yaml:11:15: kernel fragment `base` is listed twice"),
        ("root: initramfs\n", "", "boards/a.yaml:1:1: missing key `root`"),
        (
            "root: initramfs\n",
            "root: initramfs\nroot: initramfs\n",
            "boards/a.yaml:10:1: the same key twice: `root`",
        ),
        ("[base,", "[base", "boards/a.yaml:11:"),
        (GOOD, "", "boards/a.yaml"),
    ];
    for (from, to, expected) in cases {
        let text = GOOD.replacen(from, to, 1);
        let message = read(&text).expect_err(to);
        assert!(message.starts_with(expected), "{to}: {message}\nshould begin with: {expected}");
    }
}

#[test]
fn an_unknown_board_is_answered_with_the_known_ones() {
    let (_temp, paths) = checkout();
    let near = load(&paths, "b").unwrap_err().to_string();
    assert_eq!(near, "there is no board `b`: did you mean `a`?");
    let far = load(&paths, "galileo").unwrap_err().to_string();
    assert_eq!(far, "there is no board `galileo`: known: a");
}

#[test]
fn a_product_adds_boards_and_fragments_of_its_own() {
    let (_temp, mut paths) = checkout();
    let product = tempfile::tempdir().unwrap();
    for (folder, file, text) in [
        ("boards", "mine.yaml", GOOD.replace("nic-virtio", "nic-mine")),
        ("kernel", "nic-mine.config", String::new()),
    ] {
        fs::create_dir_all(product.path().join(folder)).unwrap();
        fs::write(product.path().join(folder).join(file), text).unwrap();
    }
    paths.external = Some(product.path().to_path_buf());
    assert_eq!(load(&paths, "mine").unwrap().kernel.fragments, ["base", "nic-mine"]);
    assert_eq!(paths.names("boards", "yaml"), ["a", "mine"]);
}
