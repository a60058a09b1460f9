//! Which users a page shows, and in which order: what stands in its address.

use super::super::asked::Pairs;
use crate::store::{Cursor, UserColumn, UserOrder, UserQuery};

/// What is asked for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Search {
    pub after: Option<Cursor>,
    pub is_active: Option<bool>,
    pub is_staff: Option<bool>,
    pub order: UserOrder,
    pub text: Option<String>,
}

/// The columns that users can be sorted by, as an address says them and as the page does.
pub(super) const COLUMNS: [(UserColumn, &str, &str); 7] = [
    (UserColumn::Username, "username", "Username"),
    (UserColumn::Email, "email", "Email"),
    (UserColumn::Active, "is_active", "Active"),
    (UserColumn::Staff, "is_staff", "Staff"),
    (UserColumn::Joined, "joined", "Joined"),
    (UserColumn::LastLogin, "last_login", "Last login"),
    (UserColumn::Tokens, "live_tokens", "Live tokens"),
];

/// The order for which nothing is said.
const USUAL: UserOrder = UserOrder { by: UserColumn::Username, is_descending: false };

/// The most characters that are looked for: no name or address has more.
const LONGEST: usize = 254;

impl Search {
    /// Reads an address. What it does not know it takes for nothing.
    pub(super) fn read(query: &Pairs) -> Self {
        let choice = |name| match query.get(name) {
            Some("yes") => Some(true),
            Some("no") => Some(false),
            _ => None,
        };
        let text = query.get("q").map(str::trim).filter(|text| !text.is_empty());
        Self {
            after: query.get("after").map(|place| Cursor(place.to_owned())),
            is_active: choice("active"),
            is_staff: choice("staff"),
            order: query.get("sort").and_then(order).unwrap_or(USUAL),
            text: text.map(|text| text.chars().take(LONGEST).collect()),
        }
    }

    /// What the store is asked.
    pub(super) fn query(&self, limit: usize) -> UserQuery {
        let Self { after, is_active, is_staff, order, text } = self.clone();
        UserQuery { after, is_active, is_staff, limit, order, prefix: text }
    }

    /// Whether it leaves some users out.
    pub(super) fn is_narrow(&self) -> bool {
        self.text.is_some() || self.is_active.is_some() || self.is_staff.is_some()
    }

    /// How the order is said.
    pub(super) fn sort(&self) -> String {
        let UserOrder { by, is_descending } = self.order;
        let named = COLUMNS.iter().find(|(column, ..)| *column == by);
        let name = named.map_or("username", |(_, name, _)| name);
        if is_descending { format!("-{name}") } else { name.to_owned() }
    }

    /// The query of its address.
    pub(super) fn address(&self) -> String {
        let mut pairs = form_urlencoded::Serializer::new(String::new());
        let choice = |choice| if choice { "yes" } else { "no" };
        if let Some(text) = &self.text {
            pairs.append_pair("q", text);
        }
        for (name, value) in [("active", self.is_active), ("staff", self.is_staff)] {
            pairs.extend_pairs(value.map(|value| (name, choice(value))));
        }
        if self.order != USUAL {
            pairs.append_pair("sort", &self.sort());
        }
        if let Some(Cursor(place)) = &self.after {
            pairs.append_pair("after", place);
        }
        let query = pairs.finish();
        if query.is_empty() { query } else { format!("?{query}") }
    }

    /// What it leaves out, in words for events: `q=bob active=no`; nothing for all users.
    pub(super) fn filter(&self) -> String {
        let choice = |choice| if choice { "yes" } else { "no" };
        let text = self.text.as_ref().map(|text| format!("q={text}"));
        let active = self.is_active.map(|value| format!("active={}", choice(value)));
        let staff = self.is_staff.map(|value| format!("staff={}", choice(value)));
        [text, active, staff].into_iter().flatten().collect::<Vec<_>>().join(" ")
    }

    /// The same from the start.
    pub(super) fn restarted(&self) -> Self {
        Self { after: None, ..self.clone() }
    }

    /// The same, sorted by a column; turned round if it is sorted by that already.
    pub(super) fn sorted_by(&self, by: UserColumn) -> Self {
        let is_descending = self.order.by == by && !self.order.is_descending;
        Self { order: UserOrder { by, is_descending }, ..self.restarted() }
    }
}

fn order(text: &str) -> Option<UserOrder> {
    let (name, is_descending) = match text.strip_prefix('-') {
        Some(name) => (name, true),
        None => (text, false),
    };
    let (by, ..) = COLUMNS.into_iter().find(|(_, known, _)| *known == name)?;
    Some(UserOrder { by, is_descending })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(query: &str) -> Search {
        Search::read(&Pairs::read(query.as_bytes()))
    }

    #[test]
    fn an_address_reads_back_as_it_is_written() {
        for address in
            ["", "?q=a%26b", "?active=no&staff=yes&sort=-last_login&after=7%7Ex", "?sort=-username"]
        {
            assert_eq!(read(address.trim_start_matches('?')).address(), address);
        }
    }

    #[test]
    fn what_is_not_known_counts_for_nothing() {
        assert_eq!(read("active=perhaps&sort=password&q=+&page=7"), read(""));
    }

    #[test]
    fn a_second_click_turns_the_order_round() {
        let once = read("after=x").sorted_by(UserColumn::Email);
        assert_eq!((once.sort().as_str(), once.after.is_none()), ("email", true));
        assert_eq!(once.sorted_by(UserColumn::Email).sort(), "-email");
        assert_eq!(once.sorted_by(UserColumn::Joined).sort(), "joined");
    }
}
