//! Nobody is locked in: what came from a Django, and what came to be here, a Django takes back.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;

use super::here::{Here, Store};
use super::reference::{Django, Known, Login, Pair, text};
use crate::harness::gateway::PASSWORD;
use crate::harness::{eventually, is_long};

const PAIR: Pair = Pair { django: "5.2", knox: "5.0" };

#[test]
fn a_django_takes_back_what_it_gave() {
    comes_back(PAIR, Store::Sqlite);
    let older = if is_long() { &["4.2", "3.2"][..] } else { &[] };
    for django in older {
        comes_back(Pair { django, knox: "5.1" }, Store::Sqlite);
    }
}

#[test]
fn a_django_takes_back_what_it_gave_to_redis() {
    comes_back(PAIR, Store::Redis);
}

#[test]
fn a_django_with_an_old_knox_takes_its_people_back() {
    let pair = Pair { django: "5.2", knox: "4.1" };
    let django = Django::in_a_file(pair);
    let known = django.populate().in_brief();
    let wanted = django.lawful_verdicts(&known);
    let here = moved(&django, Store::Sqlite);
    let back = Django::in_a_file(pair);
    back.load(&exported(&here, &["--knox", "4.1"]));
    assert_eq!(back.state(), django.lawful_state(&known));
    assert_eq!(back.verdicts(&known).logins, wanted.logins);
}

#[test]
fn a_django_with_an_old_knox_takes_back_tokens_that_were_used_here() {
    used_tokens_come_back("4.1", Store::Sqlite);
    used_tokens_come_back("4.2", Store::Redis);
}

/// By when each token has a digest of ours.
fn used_tokens_come_back(knox: &'static str, store: Store) {
    let pair = Pair { django: "5.2", knox };
    let django = Django::in_a_file(pair);
    // Passwords take their time, and are not what this is about.
    let Known { logins, lawless, tokens } = django.populate().in_brief();
    let known = Known { logins: vec![], lawless, tokens };
    let wanted = django.verdicts(&known);
    let here = moved(&django, store);
    assert_eq!(here.who_call(&known), wanted.tokens);
    eventually("all are rewritten", || {
        let lines = here.gateway.run(&["export", "jsonl"]).done().stdout;
        all_are_rewritten(&lines).then_some(())
    });
    assert_eq!(here.who_call(&known), wanted.tokens);
    let login = logins.iter().find(|login| here.log_in(login).is_some());
    assert!(login.is_some(), "nobody has a token that knox 4 cannot have");

    let export = here.gateway.run(&["export", "django", "--knox", knox]).done();
    // Keys of REST framework's own are none of knox 4 either.
    let is_of_knox = |token: &String| token.len() == 64;
    let mut of_knox = wanted.tokens.clone();
    for (verdict, _) in of_knox.iter_mut().zip(&known.tokens).filter(|(_, it)| !is_of_knox(it)) {
        *verdict = None;
    }
    let given = of_knox.iter().flatten().count();
    assert!(given > 3, "{given}");
    let all = here.gateway.run(&["export", "jsonl"]).done().stdout;
    let of_ours = all.lines().filter(|line| line.contains("\"sha512:text\""));
    let left_out = of_ours.filter(|line| !line.contains("\"former\"")).count();
    assert!(left_out > 1, "{left_out}");
    let told = format!("(--knox, --digest): {left_out}\n");
    assert!(export.stderr.contains(&told), "{told}: {}", export.stderr);
    let back = Django::in_a_file(pair);
    back.load(&exported(&here, &["--knox", knox]));
    assert_eq!(back.state(), django.lawful_state(&known));
    assert_eq!(back.verdicts(&known).tokens, of_knox);
    // Nor is the way on closed.
    let on = Django::in_a_file(PAIR);
    on.load(&exported(&here, &[]));
    assert_eq!(on.verdicts(&known).tokens, wanted.tokens);
}

/// Whether each token that is good has a digest of ours, but for one of each user, whose text nobody has.
fn all_are_rewritten(export: &str) -> bool {
    let lines = export.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let (users, tokens): (Vec<_>, Vec<_>) = lines.partition(|line| line["type"] == "user");
    users.iter().filter(|user| user["is_active"] == true).all(|user| {
        let theirs = tokens.iter().filter(|token| token["user"] == user["id"]);
        theirs.filter(|token| token["scheme"] != "sha512:text").count() <= 1
    })
}

#[test]
fn a_user_model_of_the_apps_own_takes_its_people_back() {
    let own = [("AUTH_USER_MODEL", "people.Person")];
    let django = Django::with(PAIR, &own);
    let known = django.populate().in_brief();
    let wanted = django.lawful_verdicts(&known);
    let mut here = Here::on(Store::Sqlite);
    let model = ["--user-model", "people.person"];
    here.import(&django.database(), &model);
    let back = Django::with(PAIR, &own);
    back.load(&exported(&here, &model));
    assert_eq!(back.state(), django.lawful_state(&known));
    assert_eq!(back.verdicts(&known), wanted);
}

/// Before anyone has logged in here, and after all have, by when each hash is Argon2id and some
/// people and tokens are new.
fn comes_back(pair: Pair, store: Store) {
    let django = Django::in_a_file(pair);
    let mut known = django.populate().in_brief();
    let wanted = django.lawful_verdicts(&known);
    let here = moved(&django, store);

    let back = Django::in_a_file(pair);
    back.load(&exported(&here, &[]));
    assert_eq!(back.state(), django.lawful_state(&known));
    assert_eq!(back.verdicts(&known), wanted);

    let (token, login) = use_all(&here, &mut known);
    let wanted = here.verdicts(&known);
    let back = Django::in_a_file(pair);
    back.load(&exported(&here, &[]));
    let mut state = back.state();
    assert!(state.remove("newcomer").is_some());
    assert_eq!(state, django.lawful_state(&known));
    assert_eq!(back.verdicts(&known), wanted);
    assert!(wanted.tokens[token].is_some() && wanted.logins[login].is_some(), "nothing was new");
}

/// Logs everyone in, and makes an account and a token of which the Django cannot know.
fn use_all(here: &Here, known: &mut Known) -> (usize, usize) {
    let issued: Vec<String> = known.logins.iter().filter_map(|login| here.log_in(login)).collect();
    assert!(issued.len() >= 20);
    known.tokens.extend(issued);
    known.tokens.push(here.gateway.register("newcomer"));
    let login = Login { username: "newcomer".into(), password: PASSWORD.into() };
    known.logins.push(login);
    (known.tokens.len() - 1, known.logins.len() - 1)
}

/// From the database, which knows moments to the microsecond; a dump does not.
fn moved(django: &Django, store: Store) -> Here {
    let mut here = Here::on(store);
    here.import(&django.database(), &[]);
    here
}

/// The file that `authgate export django` writes.
fn exported(here: &Here, options: &[&str]) -> PathBuf {
    let file = here.gateway.folder().join("export.json");
    let _ = fs::remove_file(&file);
    here.gateway.run(&[&["export", "django", text(&file)], options].concat()).done();
    file
}
