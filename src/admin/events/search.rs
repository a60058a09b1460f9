//! Which events a page shows: what stands in its address.

use super::super::asked::Pairs;
use crate::clock::Timestamp;
use crate::model::event::{Actor, EventName};
use crate::model::network::read_network;
use crate::model::user::Username;
use crate::store::{Cursor, EventQuery};

/// What is asked for, as it was typed.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Search {
    pub actor: Option<&'static str>,
    pub address: String,
    pub after: Option<Cursor>,
    pub name: Option<EventName>,
    pub operator: String,
    pub since: Option<Timestamp>,
    pub since_typed: String,
    pub text: String,
    pub until: Option<Timestamp>,
    pub until_typed: String,
    pub user: String,
}

/// Kinds of actors, as logs have them and as the page does.
pub(super) const ACTORS: [(&str, &str); 5] = [
    ("client", "a client"),
    ("admin", "the console"),
    ("api_key", "an API key"),
    ("command_line", "the command line"),
    ("gateway", "the gateway"),
];

/// What the page calls a kind of actor.
pub(super) fn actor_words(kind: &str) -> &'static str {
    ACTORS.iter().find(|(known, _)| *known == kind).map_or("", |(_, words)| words)
}

/// The most characters of a field.
const LONGEST: usize = 254;

impl Search {
    /// Reads an address.
    pub(super) fn read(query: &Pairs) -> Self {
        let text = |name| {
            let text = query.get(name).unwrap_or_default().trim();
            text.chars().take(LONGEST).collect::<String>()
        };
        let actor = query.get("actor");
        let (since_typed, until_typed) = (text("since"), text("until"));
        Self {
            actor: Actor::KINDS.into_iter().find(|kind| Some(*kind) == actor),
            address: text("address"),
            after: query.get("after").map(|place| Cursor(place.to_owned())),
            name: query.get("name").and_then(|name| name.parse().ok()),
            operator: text("operator"),
            since: moment(&since_typed),
            since_typed,
            text: text("text"),
            until: moment(&until_typed),
            until_typed,
            user: text("user"),
        }
    }

    /// Why nothing can be like that.
    pub(super) fn problem(&self) -> Option<&'static str> {
        if !self.address.is_empty() && read_network(&self.address).is_none() {
            return Some("Write an address, or a network such as 203.0.113.0/24.");
        }
        let is_wrong = |typed: &str, read: Option<Timestamp>| !typed.is_empty() && read.is_none();
        if is_wrong(&self.since_typed, self.since) || is_wrong(&self.until_typed, self.until) {
            return Some("Write a moment as 2026-11-24T18:20, in UTC.");
        }
        None
    }

    /// What the store is asked.
    pub(super) fn query(&self, limit: usize) -> EventQuery {
        // Also one that no user could get today: it may have got into the store past all rules.
        let name = |text: &str| (!text.is_empty()).then(|| Username::stored(text.to_owned()));
        EventQuery {
            actor: self.actor,
            address: read_network(&self.address),
            after: self.after.clone(),
            limit,
            name: self.name,
            operator: name(&self.operator),
            since: self.since,
            text: Some(self.text.clone()).filter(|text| !text.is_empty()),
            until: self.until,
            user: name(&self.user),
        }
    }

    /// The same, from the newest on.
    pub(super) fn unpaged(&self) -> Self {
        Self { after: None, ..self.clone() }
    }

    /// Whether it leaves some events out.
    pub(super) fn is_narrow(&self) -> bool {
        self.unpaged() != Self::default()
    }

    /// What it leaves out, in words for events: `name=login_failed user=ada`; nothing for all.
    pub(super) fn filter(&self) -> String {
        let pairs = self.pairs().into_iter().filter(|(_, value)| !value.is_empty());
        pairs.map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" ")
    }

    fn pairs(&self) -> [(&'static str, &str); 9] {
        let after = self.after.as_ref().map_or("", |Cursor(place)| place.as_str());
        [
            ("name", self.name.map_or("", EventName::as_str)),
            ("user", &self.user),
            ("address", &self.address),
            ("actor", self.actor.unwrap_or_default()),
            ("operator", &self.operator),
            ("text", &self.text),
            ("since", &self.since_typed),
            ("until", &self.until_typed),
            ("after", after),
        ]
    }

    /// The query of its address.
    pub(super) fn address(&self) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(self.pairs().into_iter().filter(|(_, value)| !value.is_empty()));
        match query.finish() {
            query if query.is_empty() => query,
            query => format!("?{query}"),
        }
    }
}

/// A moment as browsers send one, without a zone: in UTC.
fn moment(text: &str) -> Option<Timestamp> {
    let moment: jiff::civil::DateTime = text.parse().ok()?;
    let moment = jiff::tz::Offset::UTC.to_timestamp(moment).ok()?;
    Some(Timestamp::from_micros(moment.as_microsecond()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(query: &str) -> Search {
        Search::read(&Pairs::read(query.as_bytes()))
    }

    #[test]
    fn an_address_reads_back() {
        let query = "?name=login_failed&user=%22%3E%3Cimg%3E&address=10.0.0.0%2F8&actor=client\
                     &operator=ada&text=a+b&since=2026-11-24T18%3A20&until=2026-11-25T00%3A00\
                     &after=1%2Fusers%2F2";
        assert_eq!(read(&query[1..]).address(), query);
        assert_eq!(read(&query[1..]).problem(), None);
        assert_eq!(read("").address(), "");
        assert!(!read("after=x").is_narrow() && read("text=x").is_narrow());
    }

    #[test]
    fn what_makes_no_sense_is_told() {
        for query in ["address=nowhere", "since=yesterday", "until=2026-13-01T00:00"] {
            assert!(read(query).problem().is_some(), "{query}");
        }
    }

    #[test]
    fn a_moment_is_in_utc() {
        let since = read("since=2026-11-24T18:20").since.unwrap();
        assert_eq!(since.to_string(), "2026-11-24T18:20:00Z");
    }
}
