//! Nobody is locked in: what came from a Django, and what came to be here, a Django takes back.

use std::fs;
use std::path::PathBuf;

use super::here::{Here, Store};
use super::reference::{Django, Known, Login, Pair, text};
use crate::harness::gateway::PASSWORD;
use crate::harness::is_long;

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
    assert!(issued.len() > 20);
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
