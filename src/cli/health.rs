//! `authgate health`

use super::{Failure, SettingsFile};
use crate::config::Flags;
use clap::Args;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

#[derive(Args)]
pub(super) struct Health {
    #[command(flatten)]
    settings: SettingsFile,
}

const PATIENCE: Duration = Duration::from_secs(3);

impl Health {
    pub(super) fn run(self) -> Result<(), Failure> {
        let config = self.settings.load(Flags::default())?;
        let address = config.server.ops_listen.ok_or_else(|| {
            let words = "the settings name no operations listener; set ops.listen to have one";
            Failure::Refused(words.to_owned())
        })?;
        let answer = ask(address).map_err(Failure::system("the gateway does not answer"))?;
        if answer.starts_with("HTTP/1.1 200 ") {
            out!("ok");
            return Ok(());
        }
        let status = answer.lines().next().unwrap_or_default();
        Err(Failure::Refused(format!("the gateway answers {status:?}")))
    }
}

fn ask(address: SocketAddr) -> std::io::Result<String> {
    let mut connection = TcpStream::connect_timeout(&address, PATIENCE)?;
    connection.set_read_timeout(Some(PATIENCE))?;
    write!(connection, "GET /healthz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    connection.take(4096).read_to_string(&mut answer)?;
    Ok(answer)
}
