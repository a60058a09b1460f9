//! `authgate demo`

use super::{Failure, show_app};
use crate::config::{Config, Flags, Source};
use crate::server::log::Log;
use crate::server::{self, Start};
use clap::Args;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};

#[derive(Args)]
pub(super) struct Demo {
    /// Where the gateway listens
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8000")]
    listen: SocketAddr,
}

impl Demo {
    pub(super) fn run(self) -> Result<(), Failure> {
        let (app, address) =
            free_port().map_err(Failure::system("there is no port for the app"))?;
        let folder =
            tempfile::tempdir().map_err(Failure::system("there is no place to keep accounts"))?;
        // Neither a file nor the environment: the demo is the same everywhere.
        let source = Source {
            flags: Flags {
                listen: vec![self.listen.to_string()],
                store: Some(format!("sqlite:{}", folder.path().join("demo.db").display())),
                upstream: Some(format!("http://{address}")),
            },
            ..Source::default()
        };
        let config = Config::load(&source)?;
        let log = Log::start(config.log);
        let start = Start { config, source, watch: None, log, predecessor: None };
        let gateway = self.listen;
        let beside = async move {
            out!("{}", welcome(gateway));
            show_app::serve(app).await;
        };
        Ok(server::run(start, beside, || drop(folder))?)
    }
}

fn free_port() -> std::io::Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}

fn welcome(gateway: SocketAddr) -> String {
    let url = format!("http://{gateway}");
    let json = "-H 'Content-Type: application/json'";
    let ada = r#"-d '{"username":"ada","password":"correct-horse-7"}'"#;
    format!(
        r#"
authgate guards a small app at {url}
Accounts are kept in a temporary file, gone when this ends (Ctrl-C). Paste into another terminal:

  # register
  curl -s {url}/api/register/ {json} {ada}

  # log in and keep the token
  TOKEN=$(curl -s {url}/api/login/ {json} {ada} | sed -n 's/.*"token":"\([^"]*\)".*/\1/p')

  # call the app with the token: it shows what reaches it
  curl -s {url}/hello -H "Authorization: Token $TOKEN"

  # log out: the token is dead at once
  curl -s -i -X POST {url}/api/logout/ -H "Authorization: Token $TOKEN"

The console is at {url}/admin/ (the log has a link that makes the first operator).
"#
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_readme_shows_the_lines_that_the_demo_prints() {
        let readme = include_str!("../../README.md");
        let printed = welcome(SocketAddr::from(([127, 0, 0, 1], 8000)));
        let lines: Vec<_> = printed.lines().map(str::trim).filter(|l| l.contains("curl")).collect();
        assert_eq!(lines.len(), 4);
        for line in lines {
            assert!(readme.lines().any(|known| known == line), "{line}");
        }
    }
}
