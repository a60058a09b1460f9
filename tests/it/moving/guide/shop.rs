//! An app of Django that serves, as the guide has it be.

use std::fs::{self, File};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Stdio};

use super::super::reference::{Django, Pair};
use super::document::Guide;
use crate::harness::command::{Outcome, run};
use crate::harness::http::{Answer, Connection, Request};
use crate::harness::{eventually, free_address};

/// As `openssl rand -hex 32` makes it.
pub(super) const SECRET: &str = "6f1ed002ab5595859014ebf0951522d9a1e4b8fd7a0f2c3c5d1f8e9b7a6c5d4e";

/// It is ended when it is dropped.
pub(super) struct Shop {
    pub(super) address: SocketAddr,
    pub(super) django: Django,
    server: Child,
}

impl Shop {
    /// With all of the guide's Python from the beginning: until the switch it changes nothing.
    pub(super) fn open(guide: &Guide, pair: Pair) -> Self {
        let django = Django::in_a_file(pair);
        let settings = "from settings import *\nROOT_URLCONF = \"shop\"\nALLOWED_HOSTS = [\"*\"]\n";
        let own = [
            ("gate.py", guide.python("# gate.py")),
            ("guided.py", settings.to_owned() + &guide.python("# settings.py")),
        ];
        for (name, text) in own {
            fs::write(django.place(name), text).unwrap();
        }
        let address = free_address();
        let log = File::create(django.place("server.log")).unwrap();
        let server = django
            .admin("guided")
            .args(["runserver", "--noreload", &address.to_string()])
            .env("GATE_SECRET", SECRET)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut shop = Self { address, django, server };
        eventually("the app to listen", || {
            assert!(shop.server.try_wait().unwrap().is_none(), "{}", shop.log());
            TcpStream::connect(address).ok()
        });
        shop
    }

    /// Its database, as one names it to `authgate import django`.
    pub(super) fn database(&self) -> String {
        self.django.database()
    }

    /// Asks it itself, past everyone.
    pub(super) fn send(&self, request: &Request) -> Answer {
        Connection::open(self.address).for_costly_hashes().send(request.bytes()).answer()
    }

    /// Who a token is to it.
    pub(super) fn ask(&self, token: &str) -> Answer {
        self.send(&Request::get("/app/").token(token))
    }

    /// Types this into `manage.py shell`, in a folder.
    pub(super) fn shell(&self, code: &str, folder: &Path) -> Outcome {
        let mut shell = self.django.admin("guided");
        run(shell.arg("shell").env("GATE_SECRET", SECRET).current_dir(folder), code)
    }

    fn log(&self) -> String {
        fs::read_to_string(self.django.place("server.log")).unwrap()
    }
}

impl Drop for Shop {
    fn drop(&mut self) {
        let _ = self.server.kill();
        self.server.wait().unwrap();
        if std::thread::panicking() {
            eprintln!("the app said:\n{}", self.log());
        }
    }
}
