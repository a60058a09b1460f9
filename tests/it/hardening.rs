//! What the program's file says of itself: the linker's part in keeping an attacker out.

use std::process::Command;

/// What readelf says of the program; binutils come with every C compiler.
fn readelf(about: &str) -> String {
    let told = Command::new("readelf")
        .args(["--wide", about, env!("CARGO_BIN_EXE_authgate")])
        .env("LC_ALL", "C")
        .output()
        .unwrap();
    assert!(told.status.success(), "{told:?}");
    String::from_utf8(told.stdout).unwrap()
}

#[test]
fn the_program_is_loaded_at_a_place_of_chance() {
    assert!(readelf("--file-header").contains("DYN (Position-Independent Executable file)"));
}

#[test]
fn what_the_loader_has_resolved_is_read_only() {
    assert!(readelf("--program-headers").contains("GNU_RELRO"));
    // Resolved all at once: nothing stays writable for later.
    assert!(readelf("--dynamic").contains("BIND_NOW"));
}

#[test]
fn no_memory_is_both_writable_and_executable() {
    let headers = readelf("--program-headers");
    let segments: Vec<_> =
        headers.lines().filter(|line| line.contains("LOAD") || line.contains("STACK")).collect();
    assert!(segments.len() > 2, "{headers}");
    for segment in segments {
        assert!(!segment.contains("RWE"), "{segment}");
    }
}

#[test]
fn libraries_are_looked_for_where_the_system_has_them_only() {
    let dynamic = readelf("--dynamic");
    assert!(!dynamic.contains("RPATH") && !dynamic.contains("RUNPATH"), "{dynamic}");
}
