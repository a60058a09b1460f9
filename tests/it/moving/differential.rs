//! What a real Django says of each password and each token that clients have, authgate says after it
//! has taken that Django over.

use std::collections::BTreeMap;
use std::fs;

use serde_json::Value;

use super::here::{Here, Store};
use super::reference::{Django, Known, Pair, Verdicts, text};
use crate::harness::database::Database;
use crate::harness::is_long;

const NEW: Pair = Pair { django: "5.2", knox: "5.0" };
const SALTED: Pair = Pair { django: "5.2", knox: "4.1" };

/// The newest always, the older ones by `tests/run --long`.
const DJANGOS: [&str; 3] = ["5.2", "4.2", "3.2"];

#[test]
fn everyone_with_knox_5_1_is_let_in_as_before_and_nobody_else() {
    all_is_as_before("5.1", Known::in_brief);
}

#[test]
fn everyone_with_knox_5_0_is_let_in_as_before_and_nobody_else() {
    all_is_as_before("5.0", |known| known);
}

#[test]
fn everyone_with_knox_4_2_is_let_in_as_before_and_nobody_else() {
    all_is_as_before("4.2", Known::in_brief);
}

#[test]
fn everyone_with_knox_4_1_is_let_in_as_before_and_nobody_else() {
    all_is_as_before("4.1", Known::in_brief);
}

#[test]
fn a_database_of_sqlite_is_as_good_as_a_dump() {
    agrees_by(&Django::in_a_file(SALTED), &[], Django::database);
}

#[test]
fn a_postgresql_is_as_good_as_a_dump() {
    let database = Database::postgres();
    agrees_by(&Django::at(NEW, database.url(), &[]), &[], Django::database);
}

#[test]
fn a_mysql_is_as_good_as_a_dump() {
    let database = Database::mariadb();
    agrees_by(&Django::at(SALTED, database.url(), &[]), &[], Django::database);
}

#[test]
fn a_user_model_of_the_apps_own_is_as_good() {
    let django = Django::with(NEW, &[("AUTH_USER_MODEL", "people.Person")]);
    agrees_by(&django, &["--user-model", "people.person"], |django| dump(django, &[]));
}

#[test]
fn a_user_model_of_the_apps_own_is_found_in_its_database() {
    let django = Django::with(NEW, &[("AUTH_USER_MODEL", "people.Person")]);
    agrees_by(&django, &["--user-model", "people.person"], Django::database);
}

#[test]
fn a_model_of_tokens_of_the_apps_own_is_as_good_once_it_is_named() {
    let own = || Django::with(NEW, &[("KNOX_TOKEN_MODEL", "visits.Visit")]);
    let named = ["--token-model", "visits.visit", "--token-model", "authtoken.token"];
    agrees_by(&own(), &named, Django::database);
    agrees_by(&own(), &named, |django| dump(django, &[]));
}

const WITH_UUIDS: [(&str, &str); 1] = [("AUTH_USER_MODEL", "members.Member")];

#[test]
fn users_with_uuids_get_numbers_and_their_tokens_and_passwords_go_on() {
    agrees_by_name(&Django::with(NEW, &WITH_UUIDS), Django::database);
    agrees_by_name(&Django::with(SALTED, &WITH_UUIDS), |django| dump(django, &[]));
}

#[test]
fn users_with_uuids_come_from_a_postgresql_too() {
    let database = Database::postgres();
    agrees_by_name(&Django::at(NEW, database.url(), &WITH_UUIDS), Django::database);
}

#[test]
fn users_with_uuids_come_from_a_mysql_too() {
    let database = Database::mariadb();
    agrees_by_name(&Django::at(NEW, database.url(), &WITH_UUIDS), Django::database);
}

#[test]
fn another_digest_is_as_good_once_it_is_named() {
    for (pair, hash) in [(NEW, "sha3_256"), (SALTED, "sha256"), (NEW, "blake2b")] {
        let django = Django::with(pair, &[("KNOX_HASH", hash)]);
        let name = hash.replace("sha3_", "sha3-");
        agrees_by(&django, &["--digest", &name], |django| dump(django, &[]));
    }
}

#[test]
fn natural_keys_name_everyone() {
    let django = Django::in_a_file(NEW);
    let known = django.populate().in_brief();
    let wanted = by_name(&known, &django.lawful_verdicts(&known));
    let mut here = Here::on(Store::Sqlite);
    here.import(&dump(&django, &["--natural-foreign", "--natural-primary"]), &[]);
    assert_eq!(by_name(&known, &here.verdicts(&known)), wanted);
}

/// Django checks names in forms alone, so it has people whom no form would let in.
#[test]
fn an_app_is_told_of_everyone_by_the_name_that_they_have() {
    let django = Django::in_a_file(NEW);
    let known = django.populate().in_brief();
    let names = django.state().into_iter().map(|(name, user)| (user["id"].as_u64().unwrap(), name));
    let names: BTreeMap<_, _> = names.collect();
    let mut here = Here::on(Store::Sqlite);
    here.import(&django.database(), &[]);
    let issued = known.logins.iter().filter_map(|login| here.log_in(login));
    let tokens: Vec<_> = issued.chain(known.tokens.iter().cloned()).collect();
    let callers: BTreeMap<_, _> = tokens.iter().filter_map(|token| here.caller(token)).collect();
    assert!(callers.iter().all(|(id, name)| names[id] == *name), "{callers:?}");
    for name in ["John Smith", " blank", "Smith, John", "100%41", "\u{202e}anna"] {
        assert!(callers.values().any(|told| told == name), "{name}: {callers:?}");
    }
}

/// Their tokens and passwords work in Django, but they could forge headers for an app, or its log.
#[test]
fn whoever_has_a_name_with_control_characters_is_told() {
    let django = Django::in_a_file(NEW);
    let known = django.populate();
    let here = Here::on(Store::Sqlite);
    let file = here.gateway.folder().join("report.json");
    let source = django.database();
    here.gateway.run(&["import", "django", &source, "--report", text(&file)]).done();
    let report: Value = serde_json::from_slice(&fs::read(file).unwrap()).unwrap();
    let left = report["users_not_taken"].as_array().unwrap().iter();
    let names: Vec<_> = left.map(|user| user["username"].as_str().unwrap()).collect();
    assert_eq!(names, known.lawless);
}

/// From a dump, on each store: asked twice, for by the second time each password and each old digest
/// was written anew; and not changed by the same dump once more, logouts included.
fn all_is_as_before(knox: &'static str, of: fn(Known) -> Known) {
    let djangos = if is_long() { &DJANGOS[..] } else { &DJANGOS[..1] };
    for django in djangos {
        let django = Django::in_a_file(Pair { django, knox });
        let (known, wanted) = asked(&django, of);
        let source = dump(&django, &[]);
        for store in [Store::Sqlite, Store::Redis] {
            let mut here = Here::on(store);
            here.import(&source, &[]);
            agree(&here, &known, &wanted);
            agree(&here, &known, &wanted);
            here.import(&source, &[]);
            assert_eq!(here.who_call(&known), wanted.tokens);
            each_ends_by_logout(&here, &known, &wanted);
            here.import(&source, &[]);
            assert!(here.who_call(&known).iter().all(Option::is_none), "some came back");
        }
    }
}

/// The same, once, of another source.
fn agrees_by(django: &Django, options: &[&str], source: impl Fn(&Django) -> String) {
    let (known, wanted) = asked(django, Known::in_brief);
    let mut here = Here::on(Store::Sqlite);
    here.import(&source(django), options);
    agree(&here, &known, &wanted);
}

/// The same where people get numbers only here: by their names.
fn agrees_by_name(django: &Django, source: impl Fn(&Django) -> String) {
    let known = django.populate().in_brief();
    let wanted = django.lawful_names(&known);
    assert!(wanted.iter().flatten().count() >= 40, "{wanted:?}");
    let mut here = Here::on(Store::Sqlite);
    here.import(&source(django), &["--user-model", "members.member"]);
    let issued = known.logins.iter().map(|login| here.log_in(login));
    let tokens = issued.chain(known.tokens.iter().cloned().map(Some));
    let said = tokens.map(|token| Some(here.caller(&token?)?.1));
    assert_eq!(said.collect::<Vec<_>>(), wanted);
}

/// What there is to ask, and what the Django says to it; enough of either.
fn asked(django: &Django, of: fn(Known) -> Known) -> (Known, Verdicts) {
    let known = of(django.populate());
    let wanted = django.lawful_verdicts(&known);
    let good = |verdicts: &[Option<u64>]| verdicts.iter().flatten().count();
    assert!(good(&wanted.logins) >= 20 && good(&wanted.tokens) >= 10, "{wanted:?}");
    (known, wanted)
}

fn dump(django: &Django, options: &[&str]) -> String {
    text(&django.dump(options)).to_owned()
}

/// Panics with all that the two see otherwise.
fn agree(here: &Here, known: &Known, wanted: &Verdicts) {
    let said = here.verdicts(known);
    let logins = known.logins.iter().map(|it| format!("{} with {}", it.username, it.password));
    let tokens = known.tokens.iter().cloned();
    let said = said.logins.iter().chain(&said.tokens);
    let wanted = wanted.logins.iter().chain(&wanted.tokens);
    let differences: Vec<String> = logins
        .chain(tokens)
        .zip(said.zip(wanted))
        .filter(|(_, (said, wanted))| said != wanted)
        .map(|(what, (said, wanted))| format!("{what}: {said:?}, and Django {wanted:?}"))
        .collect();
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

/// A token ends alone by logout, and with all others of its user by logoutall.
fn each_ends_by_logout(here: &Here, known: &Known, wanted: &Verdicts) {
    let mut live: BTreeMap<u64, Vec<&str>> = BTreeMap::new();
    for (token, user) in known.tokens.iter().zip(&wanted.tokens) {
        if let Some(user) = user {
            live.entry(*user).or_default().push(token);
        }
    }
    for (user, tokens) in live {
        let (first, others) = tokens.split_first().unwrap();
        here.end("/api/logout/", first);
        assert_eq!(here.who_calls(first), None);
        assert!(others.iter().all(|token| here.who_calls(token) == Some(user)));
        here.end("/api/logoutall/", others[0]);
        assert!(tokens.iter().all(|token| here.who_calls(token).is_none()));
    }
}

/// By natural keys people have no numbers: who is whom is known by the first login of each.
fn by_name(known: &Known, verdicts: &Verdicts) -> Vec<Option<String>> {
    let mut names = BTreeMap::new();
    for (login, id) in known.logins.iter().zip(&verdicts.logins) {
        names.extend(id.map(|id| (id, login.username.clone())));
    }
    let all = verdicts.logins.iter().chain(&verdicts.tokens);
    // Nobody can type a name that begins with a blank, but there are tokens of it.
    let name = |id: u64| names.get(&id).cloned().unwrap_or_default();
    all.map(|id| id.map(name)).collect()
}
