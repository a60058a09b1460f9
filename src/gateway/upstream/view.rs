//! How an upstream is, for operators.

use super::Upstream;
use super::server::Server;
use std::time::Duration;

/// How an upstream is, as one gateway has found it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct UpstreamView {
    /// Whether its servers are asked how they are.
    pub is_checked: bool,
    /// How many requests one server may have at once; `None` is any number.
    pub most_in_flight: Option<usize>,
    /// Its name.
    pub name: String,
    /// Its servers; a name that leads to several addresses is as many servers.
    pub servers: Vec<ServerView>,
}

/// How a server of an upstream is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ServerView {
    /// Its address; `None` if its name leads nowhere yet.
    pub address: Option<String>,
    /// How many requests it has at this moment.
    pub in_flight: usize,
    /// Whether it is spoken to by TLS.
    pub is_tls: bool,
    /// What was wrong last. It may be well again.
    pub last_failure: Option<Failed>,
    /// Whether it gets requests.
    pub state: ServerState,
    /// Its share of the requests.
    pub weight: u32,
    /// How it is written in the settings.
    pub written: String,
}

/// What was wrong with a server, and how long ago.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Failed {
    /// How long ago.
    pub ago: Duration,
    /// What was wrong, in a few words.
    pub why: String,
}

/// Whether a server gets requests.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum ServerState {
    /// Its health checks fail.
    Down,
    /// It has failed and is left out for so long yet.
    Ejected(Duration),
    /// Its name leads nowhere; why, if that is known.
    Unresolved(Option<String>),
    /// It gets requests.
    Up,
}

impl UpstreamView {
    /// How many of its servers get requests.
    pub fn up(&self) -> usize {
        self.servers.iter().filter(|server| server.state == ServerState::Up).count()
    }

    /// Whether not all is well: some server gets no requests.
    pub fn needs_attention(&self) -> bool {
        self.up() < self.servers.len() || self.servers.is_empty()
    }
}

impl Upstream {
    /// How it is.
    pub(in super::super) fn view(&self) -> UpstreamView {
        let pool = self.pool.load();
        let servers = pool.servers().iter().map(|server| (server.place, self.view_of(server)));
        let nowhere = self.names.iter().filter(|name| name.addresses().is_empty());
        let nowhere = nowhere.map(|name| {
            // What was asked for is on the page already.
            let bare = |why: String| why.split(" for Query").next().unwrap_or_default().to_owned();
            let state = ServerState::Unresolved(name.problem().map(bare));
            (name.place, self.view_at(name.place, state))
        });
        let mut servers: Vec<_> = servers.chain(nowhere).collect();
        servers.sort_by_key(|(place, _)| *place);
        UpstreamView {
            is_checked: self.settings.health.is_some(),
            most_in_flight: self.settings.max_connections,
            name: self.settings.name.clone(),
            servers: servers.into_iter().map(|(_, server)| server).collect(),
        }
    }

    fn view_of(&self, server: &Server) -> ServerView {
        let state = match server.left_out_for() {
            _ if !server.is_healthy() => ServerState::Down,
            Some(left) => ServerState::Ejected(left),
            None => ServerState::Up,
        };
        let last_failure = server
            .last_failure()
            .as_ref()
            .map(|(at, why)| Failed { ago: at.elapsed(), why: why.clone() });
        let (address, in_flight) = (Some(server.address.to_string()), server.in_use());
        ServerView { address, in_flight, last_failure, ..self.view_at(server.place, state) }
    }

    fn view_at(&self, place: usize, state: ServerState) -> ServerView {
        let written = self.settings.servers.get(place);
        ServerView {
            address: None,
            in_flight: 0,
            is_tls: written.is_some_and(|server| server.is_tls),
            last_failure: None,
            state,
            weight: written.map_or(1, |server| server.weight),
            written: written.map(|server| server.address.clone()).unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::settings::Ejection;
    use super::super::tests::upstream;
    use super::*;

    #[test]
    fn an_operator_sees_how_each_server_is() {
        let upstream =
            upstream(&[("192.0.2.1:1", false), ("a.test:2", false), ("b.test:3", false)]);
        upstream.names[1].lead_to("192.0.2.9".parse().unwrap());
        upstream.gather();
        let seen = |view: &UpstreamView| {
            let servers = view.servers.iter();
            servers.map(|one| (one.written.clone(), one.address.clone())).collect::<Vec<_>>()
        };
        let view = upstream.view();
        let address = |text: &str| Some(text.to_owned());
        assert_eq!(
            seen(&view),
            [
                ("192.0.2.1:1".to_owned(), address("192.0.2.1:1")),
                ("a.test:2".to_owned(), None),
                ("b.test:3".to_owned(), address("192.0.2.9:3")),
            ]
        );
        assert_eq!(view.servers[1].state, ServerState::Unresolved(None));
        assert_eq!((view.up(), view.needs_attention()), (2, true));
    }

    #[test]
    fn an_operator_sees_why_a_server_gets_no_requests() {
        let upstream = upstream(&[("192.0.2.1:1", false)]);
        assert!(!upstream.view().needs_attention());
        let server = &upstream.fixed[0];
        server.remember_failure("it refuses connections".to_owned());
        assert!(server.failed(Ejection { after: 1, lasts: Duration::from_mins(1) }));
        let view = upstream.view();
        assert!(matches!(view.servers[0].state, ServerState::Ejected(left) if !left.is_zero()));
        assert_eq!(view.servers[0].last_failure.as_ref().unwrap().why, "it refuses connections");
        server.checked(false, [1, 1]);
        assert_eq!(upstream.view().servers[0].state, ServerState::Down);
    }
}
