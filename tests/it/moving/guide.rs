//! `docs/migrating-from-django.md`, followed to the letter: its settings, its commands and its Python,
//! on a real Django that serves, from the dry run to the switch and back.

mod document;
mod shop;

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;

use serde_json::json;

use self::document::Guide;
use self::shop::{SECRET, Shop};
use super::reference::{Known, Pair, Verdicts};
use crate::harness::gateway::{Gateway, PASSWORD};
use crate::harness::http::{Answer, Connection, Request};
use crate::harness::{eventually, free_address};

#[test]
fn the_guide_leads_in_and_back_and_nobody_is_logged_out() {
    let guide = Guide::read();
    let shop = Shop::open(&guide, Pair { django: "5.2", knox: "5.0" });
    let known = shop.django.populate().in_brief();
    let callers = Callers::of(&shop, &known);
    let settings = Settings { guide: &guide, shop: &shop, ops: free_address() };
    let gateway = Gateway::start(&settings.in_mode("shadow"));
    let story = Story { guide: &guide, gateway, callers, known };

    story.prepares(&shop);
    let before = story.stands_beside(&shop);
    story.believes_nobody_yet();
    story.switches(&settings, &shop);
    let after = story.guards(&before);
    story.goes_back(&settings, &shop, [&before, &after]);
}

/// All or nothing: told nothing of the version, an export for knox 5 would leave no token.
#[test]
fn a_django_with_knox_4_gets_its_tokens_back_once_the_version_is_named() {
    let guide = Guide::read();
    let shop = Shop::open(&guide, Pair { django: "5.2", knox: "4.2" });
    let known = shop.django.populate().in_brief();
    let before = shop.django.verdicts(&known);
    let settings = Settings { guide: &guide, shop: &shop, ops: free_address() };
    let gateway = Gateway::start(&settings.in_mode("guard"));
    let (folder, switch) = (gateway.folder(), &guide.commands("6. The switch")[0]);
    switch.run(folder, &shop.database());
    for token in &known.tokens {
        gateway.send(&Request::get("/app/").token(token));
    }

    let [export, live] = guide.commands("8. The way back").try_into().unwrap();
    live.run(folder, &shop.database());
    export.run(folder, &shop.database());
    let script = guide.python("# back.py");
    let refused = shop.shell(&script, folder);
    assert!(refused.code != Some(0) && refused.says("its --knox"), "{refused:?}");
    assert_eq!(shop.django.verdicts(&known), before);

    fs::remove_file(folder.join("back.jsonl")).unwrap();
    export.with(&["--knox", "4.2"]).run(folder, &shop.database());
    shop.shell(&script, folder).done();
    assert_eq!(shop.django.verdicts(&known), before);
}

/// Who is deleted at authgate, and is locked out in Django after the way back.
const DELETED: &str = "Smith, John";

/// Who each token is, as Django says: with a class for each kind of them, and with knox's alone.
struct Callers {
    verdicts: Verdicts,
    of_both: Vec<Option<(u64, String)>>,
    of_knox: Vec<Option<(u64, String)>>,
}

impl Callers {
    fn of(shop: &Shop, known: &Known) -> Self {
        let state = shop.django.state();
        let names: BTreeMap<u64, &String> =
            state.iter().map(|(name, user)| (user["id"].as_u64().unwrap(), name)).collect();
        let verdicts = shop.django.verdicts(known);
        let ids = verdicts.tokens.iter();
        let of_both = ids.map(|id| id.map(|id| (id, names[&id].clone()))).collect();
        let of_knox = known.tokens.iter().map(|token| caller(&shop.ask(token))).collect();
        Self { verdicts, of_both, of_knox }
    }

    /// How many tokens are REST framework's own, which the app does not take.
    fn differing(&self) -> usize {
        self.of_both.iter().zip(&self.of_knox).filter(|(both, knox)| both != knox).count()
    }
}

/// Whom the app takes someone for.
fn caller(answer: &Answer) -> Option<(u64, String)> {
    match answer.status {
        200 => {
            let told = answer.json();
            Some((told["id"].as_u64().unwrap(), told["name"].as_str().unwrap().to_owned()))
        }
        401 => None,
        other => panic!("{other}: {}", answer.text()),
    }
}

/// The settings of the guide, for this machine.
struct Settings<'a> {
    guide: &'a Guide,
    shop: &'a Shop,
    ops: SocketAddr,
}

impl Settings<'_> {
    fn in_mode(&self, mode: &str) -> String {
        self.guide.settings(mode, self.shop.address, self.ops, SECRET)
    }
}

struct Story<'a> {
    guide: &'a Guide,
    gateway: Gateway,
    callers: Callers,
    known: Known,
}

impl Story<'_> {
    /// Steps 2 and 3.
    fn prepares(&self, shop: &Shop) {
        let folder = self.gateway.folder();
        let [dry_run] = self.guide.commands("2. Dry run").try_into().unwrap();
        let said = dry_run.run(folder, &shop.database());
        assert!(said.says("This was a dry run: nothing was written."), "{said:?}");
        let listed = self.gateway.run(&["user", "list", "--json"]).done().json();
        assert_eq!(listed, json!([]));
        for command in self.guide.commands("3. Import") {
            command.run(folder, &shop.database());
        }
    }

    /// Step 4: each answer is Django's, and the differences are those of which the guide knows. A token
    /// that Django has issued since the import.
    fn stands_beside(&self, shop: &Shop) -> String {
        self.answers_as(&self.callers.of_knox);
        let differing = self.callers.differing();
        self.until_told("agree", self.known.tokens.len() - differing);
        self.until_told("differ", differing);
        assert!(differing > 0);

        let token = self.log_in("boss");
        let boss = Some("boss".to_owned());
        assert_eq!(self.name_of(&token), boss);
        self.until_told("differ", differing + 1);
        for command in self.guide.commands("3. Import") {
            command.run(self.gateway.folder(), &shop.database());
        }
        let agreed = self.told("agree");
        assert_eq!(self.name_of(&token), boss);
        self.until_told("agree", agreed + 1);
        assert_eq!(self.told("differ"), differing + 1);
        token
    }

    /// Step 5, while nothing is guarded: what a client says of itself passes, and is not believed.
    fn believes_nobody_yet(&self) {
        let forged = self.as_if_boss("/app/").with("X-Auth-Staff", "true");
        for secret in ["", "wrong"] {
            let request = forged.clone().with("X-Gate-Secret", secret);
            assert_eq!(self.gateway.send(&request).status, 401, "{secret}");
        }
        assert_eq!(self.gateway.send(&forged).status, 401);
    }

    /// Step 6.
    fn switches(&self, settings: &Settings<'_>, shop: &Shop) {
        let commands = self.guide.commands("6. The switch");
        let (before, after) = commands.split_at(2);
        for command in before {
            command.run(self.gateway.folder(), &shop.database());
        }
        self.gateway.configure(&settings.in_mode("guard"));
        for command in after {
            let said = command.run(self.gateway.folder(), &shop.database());
            assert!(!said.says("NOTHING IS GUARDED"), "{said:?}");
        }
        let ready =
            Connection::open(self.gateway.ops()).send(Request::get("/readyz").bytes()).answer();
        assert_eq!(ready.text(), "ready\n");
    }

    /// Whoever had a token has it still, also those of REST framework's own; and who logs in or registers
    /// is somebody to the app. A token that was issued since.
    fn guards(&self, before: &str) -> String {
        self.answers_as(&self.callers.of_both);
        assert_eq!(self.gateway.send(&Request::get("/app/")).status, 401);
        let forged = self.gateway.send(&self.as_if_boss("/public/"));
        assert_eq!((forged.status, &forged.json()["name"]), (200, &json!("")));
        assert_eq!(self.name_of(&self.gateway.register("newcomer")).as_deref(), Some("newcomer"));
        let token = self.log_in("John Smith");
        assert_eq!(self.name_of(&token).as_deref(), Some("John Smith"));
        assert_eq!(self.gateway.send(&Request::post("/api/logout/").token(before)).status, 204);
        assert_eq!(self.name_of(before), None);
        let key = &self.known.tokens[self.ended_key()];
        assert_eq!(self.gateway.send(&Request::post("/api/logout/").token(key)).status, 204);
        self.gateway.run(&["user", "delete", DELETED]).done();
        token
    }

    /// Step 8: what has come to be since the switch is known to Django, and what has ended has ended there.
    fn goes_back(&self, settings: &Settings<'_>, shop: &Shop, [ended, issued]: [&String; 2]) {
        for command in self.guide.commands("8. The way back") {
            command.run(self.gateway.folder(), &shop.database());
        }
        let told = shop.shell(&self.guide.python("# back.py"), self.gateway.folder()).done();
        let locked_out: Vec<_> =
            told.stdout.lines().filter(|line| line.contains("locked")).collect();
        assert!(locked_out.len() == 1 && locked_out[0].ends_with(DELETED), "{told:?}");
        assert_eq!(shop.django.verdicts(&self.known), self.verdicts_after());
        assert_eq!(shop.django.state()[DELETED]["is_active"], false);
        self.gateway.configure(&settings.in_mode("shadow"));
        self.gateway.tell("reload").done();

        let agreed = self.told("agree");
        let verdicts = self.verdicts_after();
        for (token, id) in self.known.tokens.iter().zip(verdicts.tokens) {
            let answer = self.gateway.send(&Request::get("/app/").token(token));
            assert_eq!(caller(&answer).map(|(id, _)| id), id, "{token}");
        }
        assert_eq!(self.name_of(ended), None);
        assert_eq!(self.name_of(issued).as_deref(), Some("John Smith"));
        self.until_told("agree", agreed + self.known.tokens.len() + 2);
        let newcomer = json!({ "username": "newcomer", "password": PASSWORD });
        assert_eq!(shop.send(&Request::post("/api/login/").json(&newcomer)).status, 200);
    }

    /// A request of someone who says that they are the boss.
    fn as_if_boss(&self, path: &str) -> Request {
        let mut callers = self.callers.of_knox.iter().flatten();
        let (id, name) = callers.find(|(_, name)| name == "boss").unwrap();
        Request::get(path).with("X-Auth-User-Id", &id.to_string()).with("X-Auth-User", name)
    }

    /// Which of the tokens is a key of REST framework's own that is logged out of while authgate guards.
    fn ended_key(&self) -> usize {
        let is_it = |(token, caller): (&String, &Option<(u64, String)>)| {
            token.len() == 40 && caller.as_ref().is_some_and(|(_, name)| name == "boss")
        };
        self.known.tokens.iter().zip(&self.callers.of_both).position(is_it).unwrap()
    }

    /// What Django has to say after the way back of what it was asked before the move.
    fn verdicts_after(&self) -> Verdicts {
        let mut verdicts = self.callers.verdicts.clone();
        verdicts.tokens[self.ended_key()] = None;
        let deleted = self.callers.of_both.iter().flatten().find(|(_, name)| name == DELETED);
        let (deleted, _) = deleted.unwrap();
        for verdict in verdicts.logins.iter_mut().chain(&mut verdicts.tokens) {
            verdict.take_if(|id| id == deleted);
        }
        verdicts
    }

    fn answers_as(&self, wanted: &[Option<(u64, String)>]) {
        for (token, wanted) in self.known.tokens.iter().zip(wanted) {
            let answer = self.gateway.send(&Request::get("/app/").token(token));
            assert_eq!(caller(&answer), *wanted, "{token}");
        }
    }

    fn name_of(&self, token: &str) -> Option<String> {
        caller(&self.gateway.send(&Request::get("/app/").token(token))).map(|(_, name)| name)
    }

    fn log_in(&self, name: &str) -> String {
        let login = self.known.logins.iter().find(|login| login.username == name).unwrap();
        let body = json!({ "username": name, "password": login.password });
        let request = Request::post("/api/login/").json(&body);
        let answer = self.gateway.connect().for_costly_hashes().send(request.bytes()).answer();
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()["token"].as_str().map(str::to_owned).unwrap()
    }

    /// How many requests for the app's own path have ended like that, as its metrics have it.
    fn told(&self, outcome: &str) -> usize {
        let mut ops = Connection::open(self.gateway.ops());
        let text = ops.send(Request::get("/metrics").bytes()).answer().text();
        let of_outcome = format!("outcome=\"{outcome}\"");
        let lines = text.lines().filter(|line| {
            line.starts_with("authgate_shadow_requests_total{") && line.contains(&of_outcome)
        });
        lines.map(|line| line.rsplit(' ').next().unwrap().parse::<usize>().unwrap()).sum()
    }

    fn until_told(&self, outcome: &str, count: usize) {
        let what = format!("{count} times {outcome}");
        eventually(&what, || (self.told(outcome) == count).then_some(()));
    }
}
