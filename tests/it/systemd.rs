//! What systemd is told, by a socket of the test's own in its place.

use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use crate::harness::command::AUTHGATE;
use crate::harness::gateway::Gateway;
use crate::harness::{PATIENCE, eventually, folder};

struct Manager {
    folder: TempDir,
    socket: UnixDatagram,
}

impl Manager {
    fn new() -> Self {
        let folder = folder();
        let socket = UnixDatagram::bind(folder.path().join("notify")).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Self { folder, socket }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Starts a gateway that tells this what it does, with more in its environment.
    fn start(&self, environment: &[(&str, &str)]) -> Gateway {
        let mut program = Command::new(AUTHGATE);
        program.env("NOTIFY_SOCKET", self.path().join("notify"));
        program.envs(environment.iter().copied());
        let control = self.path().join("control").display().to_string();
        Gateway::start_by(program, &format!("[server]\ncontrol = \"{control}\"\n"), &[])
    }

    /// The next message, line by line.
    fn hear(&self) -> Vec<String> {
        let mut buffer = [0; 1024];
        let length = self.socket.recv(&mut buffer).expect("a message");
        str::from_utf8(&buffer[..length]).unwrap().lines().map(str::to_owned).collect()
    }

    /// The next message with this line.
    fn until(&self, line: &str) -> Vec<String> {
        eventually(line, || {
            let heard = self.hear();
            heard.iter().any(|one| one == line).then_some(heard)
        })
    }
}

fn main_pid(process: u32) -> String {
    format!("MAINPID={process}")
}

#[test]
fn a_gateway_says_when_it_is_ready_and_when_it_stops() {
    let manager = Manager::new();
    let mut gateway = manager.start(&[]);
    let ready = manager.hear();
    assert!(ready.contains(&"READY=1".to_owned()), "{ready:?}");
    assert!(ready.contains(&main_pid(gateway.process_id())), "{ready:?}");
    gateway.terminate();
    assert_eq!(manager.hear(), ["STOPPING=1"]);
    assert_eq!(gateway.exit_code(), Some(0));
}

#[test]
fn a_reload_is_announced_and_its_end_too() {
    let manager = Manager::new();
    let gateway = manager.start(&[]);
    manager.until("READY=1");
    for is_broken in [false, true] {
        if is_broken {
            gateway.write_settings("broken");
        }
        gateway.hang_up();
        let reloading = manager.hear();
        assert!(reloading.contains(&"RELOADING=1".to_owned()), "{reloading:?}");
        let moment = reloading.iter().find_map(|line| line.strip_prefix("MONOTONIC_USEC="));
        assert!(moment.unwrap().parse::<u64>().unwrap() > 0);
        let ready = manager.hear();
        assert!(ready.contains(&"READY=1".to_owned()), "{ready:?}");
    }
}

#[test]
fn a_watchdog_hears_of_a_gateway_again_and_again() {
    let manager = Manager::new();
    let _gateway = manager.start(&[("WATCHDOG_USEC", "400000")]);
    for _ in 0..3 {
        manager.until("WATCHDOG=1");
    }
}

#[test]
fn after_an_upgrade_the_new_process_is_the_main_one_and_its_watchdog_goes_on() {
    let manager = Manager::new();
    let mut gateway = manager.start(&[("WATCHDOG_USEC", "400000")]);
    manager.until("READY=1");
    gateway.upgrade();
    manager.until(&main_pid(gateway.process_id()));
    assert_eq!(gateway.exit_code(), Some(0));
    // What the old one has said is heard first.
    while {
        manager.socket.set_nonblocking(true).unwrap();
        manager.socket.recv(&mut [0; 1024]).is_ok()
    } {}
    manager.socket.set_nonblocking(false).unwrap();
    manager.until("WATCHDOG=1");
}

#[test]
fn where_nobody_asks_nothing_is_told() {
    let gateway = Gateway::start("");
    assert_eq!(gateway.try_register("alice").status, 200);
    assert!(!gateway.log().contains("systemd"));
}
