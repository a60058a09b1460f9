//! Two gateways on one server, and what is under way in them.

use crate::act::{Act, Deed, Outcome};
use crate::gateway::{FEED_TIMEOUT, Gateway, LIFETIME};
use crate::judge::Judge;
use crate::line::Line;
use crate::server::{Gate, Kind, Server, Tables};
use crate::step::Step;
use authgate::clock::{Clock, ManualClock, Timestamp};
use authgate::model::token::{Token, TokenRecord};
use authgate::model::user::UserId;
use authgate::store::Change;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

/// Which tokens can be imported, and whose they are.
const IMPORTS: [(&str, UserId); 2] = [("imported one", UserId(1)), ("imported two", UserId(2))];

pub(crate) struct World {
    acts: Vec<Act>,
    begun: usize,
    clock: Arc<ManualClock>,
    gates: [Gateway; 2],
    server: Arc<Mutex<Server>>,
    /// The texts of all tokens that a client could have.
    tokens: Vec<String>,
}

impl World {
    /// Both gateways listen, nothing is in memory, and each user has a token.
    pub(crate) fn new(kind: Kind) -> Self {
        let clock = Arc::new(ManualClock::at(Timestamp::from_micros(0)));
        let mut tables = Tables::default();
        tables.add_user(UserId(1), "ada");
        tables.add_user(UserId(2), "bob");
        let server = Arc::new(Mutex::new(Server {
            attempt: None,
            clock: Arc::clone(&clock),
            judge: Judge::new(FEED_TIMEOUT),
            kind,
            lines: [Line::default(), Line::default()],
            reads: 0,
            tables,
        }));
        let gates = Gate::BOTH.map(|gate| Gateway::new(gate, &clock, &server));
        let tokens = IMPORTS.map(|(text, _)| text.to_owned()).to_vec();
        let mut world = Self { acts: Vec::new(), begun: 0, clock, gates, server, tokens };
        world.heal();
        (0..IMPORTS.len()).for_each(|token| world.import(token));
        world
    }

    /// Lets one thing happen; fails if a gateway answers what it must not.
    pub(crate) fn step(&mut self, step: Step) -> Result<(), &'static str> {
        match step {
            Step::Delete(gate, user) => self.begin(gate, Deed::Delete(user)),
            Step::Issue(gate, user, lifetime) => self.begin(gate, Deed::Issue(user, lifetime)),
            Step::Lock(gate, user) => self.begin(gate, Deed::SetActive(user, false)),
            Step::Logout(gate, token) => self.begin(gate, Deed::Logout(self.token(token))),
            Step::LogoutAll(gate, user) => self.begin(gate, Deed::LogoutAll(user)),
            Step::Unlock(gate, user) => self.begin(gate, Deed::SetActive(user, true)),
            Step::Use(gate, token) => self.begin(gate, Deed::Use(self.token(token))),
            Step::Go(act) => {
                self.go(usize::from(act), 1)?;
            }
            Step::Finish(act) => {
                self.go(usize::from(act), usize::MAX)?;
            }
            Step::Leave(act) => self.leave(usize::from(act)),
            Step::Hear(gate) => self.server().advance_line(gate, true),
            Step::Beat(gate) => self.server().advance_line(gate, false),
            Step::CatchUp(gate) => self.catch_up(gate),
            Step::Mute(gate) => self.server().lines[gate as usize].mute(),
            Step::Lose(gate) => self.lose(gate),
            Step::Connect(gate) => self.connect(gate),
            Step::Import(token) => self.import(usize::from(token)),
            Step::Prolong(gate) => self.gates[gate as usize].prolong(),
            Step::Wait(millis) => self.clock.advance(Duration::from_millis(millis.into())),
        }
        Ok(())
    }

    /// Ends all that is under way and lets both gateways hear everything: then they must answer as
    /// the server would, and from memory what they are asked twice.
    pub(crate) fn settle(&mut self) -> Result<(), &'static str> {
        while !self.acts.is_empty() {
            self.go(0, usize::MAX)?;
        }
        for gateway in &mut self.gates {
            // More stops than the few tokens have on their way to a later end.
            (0..32).for_each(|_| gateway.prolong());
        }
        self.heal();
        for gate in Gate::BOTH {
            for text in self.tokens.clone() {
                let digest = Token::new(text.clone()).digest();
                let is_good = self.server().judge.is_good(&digest, self.clock.now());
                self.uses(gate, &text)?;
                let reads = self.server().reads;
                if self.uses(gate, &text)? != is_good {
                    return Err("a gateway that has heard everything is wrong");
                }
                if is_good && self.server().reads != reads {
                    return Err("what is known is asked for again");
                }
            }
        }
        Ok(())
    }

    /// Uses a token from beginning to end, with nothing in between, and says whether it passed.
    pub(crate) fn uses(&mut self, gate: Gate, text: &str) -> Result<bool, &'static str> {
        self.begin(gate, Deed::Use(text.to_owned()));
        self.go(0, usize::MAX)
    }

    /// The token that was issued last.
    pub(crate) fn newest(&self) -> String {
        self.token(0)
    }

    /// How often an ended token has passed because its gateway might not know of its end.
    pub(crate) fn late(&self) -> usize {
        self.server().judge.late
    }

    fn server(&self) -> MutexGuard<'_, Server> {
        self.server.lock().unwrap()
    }

    fn token(&self, number: u8) -> String {
        self.tokens[self.tokens.len() - 1 - usize::from(number) % self.tokens.len()].clone()
    }

    /// The place of an act that is so many before the newest.
    fn act(&self, number: usize) -> Option<usize> {
        let back = number.checked_rem(self.acts.len())?;
        Some(self.acts.len() - 1 - back)
    }

    fn begin(&mut self, gate: Gate, deed: Deed) {
        let now = self.clock.now();
        let auth = Arc::clone(&self.gates[gate as usize].auth);
        let mut act = Act::new(self.begun, gate, auth, deed);
        act.used = act.uses.map(|digest| self.server().judge.begin(gate, digest, now));
        self.acts.push(act);
        self.begun += 1;
    }

    /// Carries an act on for so many stops, and says whether it was a use that passed.
    fn go(&mut self, number: usize, stops: usize) -> Result<bool, &'static str> {
        let Some(number) = self.act(number) else { return Ok(false) };
        for _ in 0..stops {
            let act = &mut self.acts[number];
            self.server.lock().unwrap().attempt = Some(act.number);
            let outcome = act.poll();
            self.server().attempt = None;
            if let Some(outcome) = outcome {
                let act = self.acts.remove(number);
                return self.end(&act, outcome);
            }
        }
        Ok(false)
    }

    fn end(&mut self, act: &Act, outcome: Outcome) -> Result<bool, &'static str> {
        let now = self.clock.now();
        match outcome {
            Outcome::Changed => self.server().judge.acknowledged(act.gate, act.number),
            Outcome::Issued(text) => {
                self.server().judge.acknowledged(act.gate, act.number);
                self.tokens.push(text);
            }
            Outcome::Nothing => {}
            Outcome::Used(accepted) => {
                let used = act.used.as_ref().ok_or("a use that never began")?;
                self.server().judge.end(used, accepted, now)?;
                return Ok(accepted.is_some());
            }
        }
        Ok(false)
    }

    /// Whoever asked goes away. What SQLite's writer has been given it does all the same.
    fn leave(&mut self, number: usize) {
        let Some(number) = self.act(number) else { return };
        let is_use = self.acts[number].used.is_some();
        if is_use || self.server().kind == Kind::Redis {
            self.acts.remove(number);
        }
    }

    fn import(&self, number: usize) {
        let (text, user) = IMPORTS[number % IMPORTS.len()];
        let digest = Token::new(text.to_owned()).digest();
        let now = self.clock.now();
        let mut server = self.server();
        let Some(epoch) = server.tables.users.get(&user).map(|user| user.epoch) else { return };
        let expires = Some(now.plus(LIFETIME));
        let (former, knox_key) = (None, None);
        let created = now;
        let record = TokenRecord { created, digest, epoch, expires, former, knox_key, user };
        // What was ended stays so for a while wherever it was ended, whoever adds it again.
        if server.tables.may_issue(&record) && !server.judge.has_ended(&digest) {
            let add = |tables: &mut Tables| tables.tokens.insert(digest, record);
            server.change(None, Change::Token(digest.key()), add);
        }
    }

    fn lose(&mut self, gate: Gate) {
        self.server().lines[gate as usize].lose();
        self.gates[gate as usize].listen();
        self.server().judge.lost(gate);
    }

    /// As the gateway does by itself, after a pause.
    fn connect(&mut self, gate: Gate) {
        self.lose(gate);
        self.gates[gate as usize].listen_anew();
    }

    fn catch_up(&self, gate: Gate) {
        // More than a proof takes; messages come in between.
        for _ in 0..8 {
            let mut server = self.server();
            while server.lines[gate as usize].has_message() {
                server.advance_line(gate, true);
            }
            server.advance_line(gate, false);
        }
        self.server().advance_line(gate, true);
    }

    fn heal(&mut self) {
        for gate in Gate::BOTH {
            self.connect(gate);
            self.catch_up(gate);
        }
    }
}
