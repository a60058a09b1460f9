//! The judge finds what is wrong with a history, and nothing where nothing is.

use super::check::{Terms, check};
use super::record::{Act, Deed, Line, Moment, TokenNumber, Trouble, Who};

const TERMS: Terms = Terms { bound: 1_000_000, guesses: 2, guesses_lost: 1, holds: 60_000_000 };

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

    fn uses(&mut self, token: TokenNumber, status: u16, id: u64, name: &str) -> &mut Deed {
        let deed = self.deed(Act::Use { token }, status);
        if status == 200 {
            deed.who = Some(Who { id, name: name.to_owned() });
        }
        deed
    }

    /// A failover within the last second.
    fn fails_over(&mut self) {
        self.trouble(None, true);
    }

    fn trouble(&mut self, killed: Option<usize>, may_lose: bool) {
        let (begin, end, what) = (self.now, self.now + 2_000, String::new());
        self.lines.push(Line::Trouble(Trouble { begin, end, killed, may_lose, what }));
    }

    /// All is over: everyone comes once more.
    fn ends(&mut self, name: &str, status: u16) {
        self.deed(login(name, "p"), status).is_last = true;
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

fn change(token: TokenNumber) -> Act {
    let [name, new, old] = ["ada", "q", "p"].map(str::to_owned);
    Act::ChangePassword { name, new, old, token }
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
    let more = story.issue(login("ada", "p"), 0, "ada");
    story.deed(change(token), 204);
    story.uses(more, 401, 0, "");
    story.uses(token, 200, 1, "ada");
    story.deed(Act::Logout { token }, 204);
    story.uses(token, 401, 0, "");
    story.deed(login("ada", "p"), 400);
    story.deed(login("ada", "q"), 503);
    let last = story.issue(login("ada", "q"), 0, "ada");
    story.uses(last, 0, 0, "");
    story.now += 1;
    let last = story.issue(login("ada", "q"), 0, "ada");
    for line in &mut story.lines {
        if let Line::Deed(deed) = line {
            deed.is_last = deed.issued == Some(last);
        }
    }
    story.is_right();
}

#[test]
fn a_foreign_identity_is_found() {
    let (mut story, token) = story();
    story.register("bob", 2);
    story.uses(token, 200, 2, "bob");
    story.is_wrong("another user than its own");
}

#[test]
fn a_number_of_two_users_is_found_even_if_one_was_lost() {
    let (mut story, _) = story();
    story.fails_over();
    story.register("bob", 1);
    story.is_wrong("the number 1 is of");
}

#[test]
fn a_name_of_two_owners_is_found() {
    let (mut story, _) = story();
    let token = story.issue(login("ada", "p"), 0, "ada");
    story.uses(token, 200, 7, "ada");
    story.is_wrong("the name ada is of {1, 7}");
    let mut story = Story::default();
    story.register("wanted-1", 1);
    story.gateway = 1;
    story.register("wanted-1", 2);
    assert!(!story.wrong().is_empty());
}

#[test]
fn a_token_that_passes_after_its_end_is_found() {
    for everywhere in [false, true] {
        let (mut story, token) = story();
        let act = if everywhere { Act::LogoutAll { token } } else { Act::Logout { token } };
        story.deed(act, 204);
        story.uses(token, 200, 1, "ada");
        story.is_wrong("passes that has ended");
    }
    let (mut story, token) = story();
    let other = story.issue(login("ada", "p"), 0, "ada");
    story.deed(change(token), 204);
    story.uses(other, 200, 1, "ada");
    story.is_wrong("passes that has ended");
}

#[test]
fn at_another_gateway_an_ended_token_may_pass_within_the_bound_alone() {
    let (mut story, token) = story();
    story.deed(Act::Logout { token }, 204);
    story.gateway = 1;
    story.now -= 1_000_000 - 2_000;
    story.uses(token, 200, 1, "ada");
    story.is_right();
    story.uses(token, 200, 1, "ada");
    story.is_wrong("passes that has ended");
}

#[test]
fn an_end_that_was_not_acknowledged_is_none_and_may_be_one() {
    for status in [200, 401] {
        let (mut story, token) = story();
        story.deed(Act::Logout { token }, 503);
        story.uses(token, status, 1, "ada");
        story.is_right();
    }
}

#[test]
fn a_token_that_passes_after_its_time_is_found() {
    let (mut story, token) = story();
    story.now += 60_000_000;
    story.uses(token, 200, 1, "ada");
    story.is_wrong("has run out");
}

#[test]
fn a_good_token_that_is_refused_is_found() {
    let (mut story, token) = story();
    story.uses(token, 401, 0, "");
    story.is_wrong("401 for a token that is good");
}

#[test]
fn a_token_of_the_moment_of_a_failover_may_be_lost_but_no_other() {
    let (mut story, token) = story();
    let late = story.issue(login("ada", "p"), 0, "ada");
    story.fails_over();
    story.uses(late, 401, 0, "");
    story.is_right();
    story.now += 10_000_000;
    story.uses(token, 200, 1, "ada");
    let fresh = story.issue(login("ada", "p"), 0, "ada");
    story.uses(fresh, 401, 0, "");
    story.is_wrong("401 for a token that is good");
}

#[test]
fn an_end_is_not_lost_by_a_failover() {
    let (mut story, token) = story();
    story.deed(Act::Logout { token }, 204);
    story.fails_over();
    story.now += 2_000_000;
    story.uses(token, 200, 1, "ada");
    story.is_wrong("passes that has ended");
}

#[test]
fn an_account_or_a_password_that_is_lost_is_found() {
    let (mut story, _) = story();
    story.deed(login("ada", "p"), 400);
    story.is_wrong("a right password is refused");
    let (mut story, token) = self::story();
    story.deed(change(token), 204);
    story.deed(login("ada", "q"), 400);
    story.is_wrong("a right password is refused");
    let (mut story, _) = self::story();
    story.ends("ada", 400);
    let wrong = story.wrong();
    assert!(wrong.iter().any(|it| it.contains("nobody gets into the account ada")), "{wrong:?}");
}

#[test]
fn a_password_that_is_not_theirs_any_more_is_found() {
    let (mut story, token) = story();
    story.deed(change(token), 204);
    story.issue(login("ada", "p"), 0, "ada");
    story.is_wrong("by a password that is not theirs");
}

#[test]
fn a_name_that_is_taken_by_nobody_is_found() {
    let mut story = Story::default();
    story.deed(registration("ada"), 400);
    story.is_wrong("nobody has it");
    let mut story = Story::default();
    story.deed(registration("ada"), 503);
    story.deed(registration("ada"), 400);
    story.is_right();
}

#[test]
fn a_name_that_is_given_out_again_is_found() {
    let (mut story, _) = story();
    story.register("ada", 1);
    story.is_wrong("given out again");
}

#[test]
fn guesses_beyond_the_limit_are_found() {
    let guess = || Act::Guess { name: "ada".to_owned() };
    let mut story = Story::default();
    for status in [400, 400, 429, 503] {
        story.deed(guess(), status);
    }
    story.is_right();
    story.deed(guess(), 400);
    story.is_wrong("3 guesses of ada, of 2");
    story.fails_over();
    story.is_right();
}

#[test]
fn an_answer_that_is_none_is_found() {
    for status in [301, 403, 404, 500, 502] {
        let (mut story, token) = story();
        story.uses(token, status, 0, "");
        assert!(!story.wrong().is_empty(), "{status}");
    }
    let (mut story, token) = story();
    story.uses(token, 503, 0, "");
    story.is_right();
    story.uses(token, 503, 0, "").is_last = true;
    assert!(!story.wrong().is_empty());
}
