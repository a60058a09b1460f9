//! The judge finds what is wrong with a history, and nothing where nothing is.

mod accounts;
mod limits;
mod names;
mod tokens;

use super::check::{Terms, check};
use super::record::{Act, Deed, Line, Moment, Promotion, TokenNumber, Trouble, Who};

const TERMS: Terms =
    Terms { bound: 1_000_000, guesses: 2, guesses_lost: 1, holds: 60_000_000, prolongs: None };
/// Longer than anything stays in doubt.
const LONG: Moment = 10_000_000;

/// A history in which each act takes a millisecond, and a second passes between two.
#[derive(Default)]
struct Story {
    gateway: usize,
    lines: Vec<Line>,
    now: Moment,
    tokens: TokenNumber,
}

impl Story {
    fn deed(&mut self, act: Act, status: u16) -> &mut Deed {
        self.now += 1_000_000;
        let (begin, end, gateway) = (self.now, self.now + 1_000, self.gateway);
        let (fault, is_last, issued, who) = (None, false, None, None);
        let deed = Deed { act, begin, end, fault, gateway, is_last, issued, status, who };
        self.lines.push(Line::Deed(deed));
        let Some(Line::Deed(deed)) = self.lines.last_mut() else { unreachable!() };
        deed
    }

    fn issue(&mut self, act: Act, id: u64, name: &str) -> TokenNumber {
        let token = self.tokens;
        self.tokens += 1;
        let deed = self.deed(act, 200);
        (deed.issued, deed.who) = (Some(token), Some(Who { id, name: name.to_owned() }));
        token
    }

    fn register(&mut self, name: &str, id: u64) -> TokenNumber {
        self.issue(registration(name), id, name)
    }

    fn logs_in(&mut self, password: &str) -> TokenNumber {
        self.issue(login("ada", password), 0, "ada")
    }

    fn uses(&mut self, token: TokenNumber, status: u16, id: u64, name: &str) -> &mut Deed {
        let deed = self.deed(Act::Use { token }, status);
        if status == 200 {
            deed.who = Some(Who { id, name: name.to_owned() });
        }
        deed
    }

    /// Something of the store breaks within the last second, and another server is the primary then.
    fn fails_over(&mut self) {
        self.breaks();
        self.promotes();
    }

    fn promotes(&mut self) {
        self.lines.push(Line::Promotion(Promotion { at: self.now + 2_000, of: String::new() }));
    }

    /// Something of the store breaks.
    fn breaks(&mut self) -> &mut Trouble {
        let (begin, end, what) = (self.now, self.now + 2_000, String::new());
        let (hands_over, is_of_store, killed) = (false, true, None);
        let trouble = Trouble { begin, end, hands_over, is_of_store, killed, what };
        self.lines.push(Line::Trouble(trouble));
        let Some(Line::Trouble(trouble)) = self.lines.last_mut() else { unreachable!() };
        trouble
    }

    /// All is over: someone comes once more.
    fn comes_in_the_end(&mut self, name: &str, password: &str, status: u16) {
        self.deed(login(name, password), status).is_last = true;
    }

    fn wrong(&self) -> Vec<String> {
        check(&self.lines, TERMS)
    }

    /// What is wrong is this alone.
    fn is_wrong(&self, words: &str) {
        let wrong = self.wrong();
        assert!(!wrong.is_empty() && wrong.iter().all(|it| it.contains(words)), "{wrong:#?}");
    }

    fn is_right(&self) {
        assert_eq!(self.wrong(), Vec::<String>::new());
    }
}

fn registration(name: &str) -> Act {
    Act::Register { name: name.to_owned(), password: "p".to_owned() }
}

fn login(name: &str, password: &str) -> Act {
    Act::Login { name: name.to_owned(), password: password.to_owned() }
}

/// Ada's new password is q.
fn change(token: TokenNumber) -> Act {
    let [name, new, old] = ["ada", "q", "p"].map(str::to_owned);
    Act::ChangePassword { name, new, old, token }
}

fn deletion(name: &str, id: u64) -> Act {
    Act::Delete { id, name: name.to_owned() }
}

/// A story in which all goes well up to here: Ada has a token that was used.
fn story() -> (Story, TokenNumber) {
    let mut story = Story::default();
    let token = story.register("ada", 1);
    story.uses(token, 200, 1, "ada");
    (story, token)
}

#[test]
fn where_all_goes_well_nothing_is_wrong() {
    let (mut story, token) = story();
    let more = story.logs_in("p");
    story.deed(change(token), 204);
    story.uses(more, 401, 0, "");
    story.uses(token, 200, 1, "ada");
    story.deed(Act::Logout { token }, 204);
    story.uses(token, 401, 0, "");
    story.deed(login("ada", "p"), 400);
    story.deed(login("ada", "q"), 503);
    let last = story.logs_in("q");
    story.uses(last, 0, 0, "");
    story.now += 1;
    let last = story.logs_in("q");
    for line in &mut story.lines {
        if let Line::Deed(deed) = line {
            deed.is_last = deed.issued == Some(last);
        }
    }
    story.is_right();
}
