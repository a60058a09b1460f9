use super::*;
use crate::model::user::Profile;

const MOMENT: Timestamp = Timestamp::from_micros(1_795_503_694_000_121);
const LATER: Timestamp = Timestamp::from_micros(1_795_503_694_001_121);

fn row(id: Option<u64>, username: &str, joined: Option<Timestamp>) -> ArrivingUser {
    ArrivingUser {
        email: String::new(),
        id,
        is_active: true,
        is_staff: false,
        joined,
        last_login: None,
        password: "$hash".to_owned(),
        place: 1,
        profile: Profile::default(),
        row: 1,
        says: Says::ALL,
        username: username.to_owned(),
    }
}

fn here(id: u64, username: &str, joined: Timestamp) -> User {
    row(None, username, Some(joined)).anew(UserId(id), 7, joined)
}

fn operator(id: u64, username: &str, joined: Timestamp) -> User {
    User { is_staff: true, ..here(id, username, joined) }
}

fn of(row: &ArrivingUser, users: &[&User]) -> Verdict {
    let of_number = users.iter().copied().find(|user| Some(user.id.0) == row.id);
    let of_name = users.iter().copied().find(|user| user.username.as_str() == row.username);
    verdict(row, of_number, of_name, OnConflict::Update)
}

#[test]
fn who_is_not_here_is_added() {
    assert_eq!(of(&row(Some(1), "ada", Some(MOMENT)), &[]), Verdict::Add);
    assert_eq!(of(&row(None, "ada", None), &[]), Verdict::Add);
}

#[test]
fn the_same_number_with_the_name_or_the_moment_is_the_same_person() {
    let ada = here(1, "ada", MOMENT);
    assert_eq!(of(&row(Some(1), "ada", Some(MOMENT)), &[&ada]), Verdict::Same);
    assert_eq!(of(&row(Some(1), "ada", Some(LATER)), &[&ada]), Verdict::Update);
    assert_eq!(of(&row(Some(1), "renamed", Some(MOMENT)), &[&ada]), Verdict::Update);
    let other = of(&row(Some(1), "bob", Some(LATER)), &[&ada]);
    assert_eq!(other, Verdict::Refuse(Refusal::NumberTaken));
}

#[test]
fn moments_are_the_same_to_the_millisecond() {
    let ada = here(1, "ada", MOMENT);
    for (micros, is_same) in [(-122, false), (-121, true), (878, true), (879, false)] {
        let moment = Timestamp::from_micros(MOMENT.micros() + micros);
        let renamed = of(&row(Some(1), "renamed", Some(moment)), &[&ada]);
        assert_eq!(renamed == Verdict::Update, is_same, "{micros}");
        // Whoever is the same has joined when it is known best.
        let after = row(Some(1), "ada", Some(moment)).over(&ada);
        assert_eq!(after.joined == MOMENT, is_same, "{micros}");
    }
}

#[test]
fn the_later_login_counts_and_is_no_difference() {
    let ada = User { last_login: Some(MOMENT), ..here(1, "ada", MOMENT) };
    for (login, after) in [(None, MOMENT), (Some(LATER), LATER), (Some(MOMENT), MOMENT)] {
        let row = ArrivingUser { last_login: login, ..row(Some(1), "ada", Some(MOMENT)) };
        assert_eq!(row.over(&ada).last_login, Some(after));
        assert_eq!(of(&row, &[&ada]), Verdict::Same);
    }
    let since = User { last_login: Some(LATER), ..ada };
    let row = ArrivingUser { last_login: Some(MOMENT), ..row(Some(1), "new", Some(MOMENT)) };
    assert_eq!(of(&row, &[&since]), Verdict::Update);
    assert_eq!(row.over(&since).last_login, Some(LATER));
}

#[test]
fn a_name_of_another_is_taken_even_by_a_rename() {
    let users = [&here(1, "ada", MOMENT), &here(2, "bob", MOMENT)];
    let stranger = row(Some(3), "bob", Some(MOMENT));
    assert_eq!(of(&stranger, &users), Verdict::Refuse(Refusal::NameTaken));
    let renamed = row(Some(1), "bob", Some(MOMENT));
    assert_eq!(of(&renamed, &users), Verdict::Refuse(Refusal::NameTaken));
}

#[test]
fn an_operator_is_the_same_only_by_number_name_and_moment() {
    let root = operator(1, "root", MOMENT);
    for (id, name, joined) in [
        (Some(1), "root", Some(LATER)),
        (Some(1), "other", Some(MOMENT)),
        (Some(1), "other", Some(LATER)),
        (Some(9), "root", Some(MOMENT)),
        (Some(1), "root", None),
        (None, "root", None),
        (None, "root", Some(MOMENT)),
        (None, "root", Some(LATER)),
    ] {
        let verdict = of(&row(id, name, joined), &[&root]);
        assert_eq!(verdict, Verdict::Refuse(Refusal::Operator), "{id:?} {name} {joined:?}");
    }
    let same = ArrivingUser { is_staff: true, ..row(Some(1), "root", Some(MOMENT)) };
    assert_eq!(of(&same, &[&root]), Verdict::Same);
    let locked_out = User { is_active: false, ..root };
    let verdict = of(&row(Some(1), "root", Some(LATER)), &[&locked_out]);
    assert_eq!(verdict, Verdict::Refuse(Refusal::Operator));
}

#[test]
fn a_rename_to_an_operators_name_is_told_as_that() {
    let users = [&here(1, "ada", MOMENT), &operator(2, "root", MOMENT)];
    let verdict = of(&row(Some(1), "root", Some(MOMENT)), &users);
    assert_eq!(verdict, Verdict::Refuse(Refusal::Operator));
}

#[test]
fn who_has_no_number_is_known_by_the_name() {
    let ada = here(5, "ada", MOMENT);
    assert_eq!(of(&row(None, "ada", Some(MOMENT)), &[&ada]), Verdict::Same);
    assert_eq!(of(&row(None, "ada", None), &[&ada]), Verdict::Same);
    let other = of(&row(None, "ada", Some(LATER)), &[&ada]);
    assert_eq!(other, Verdict::Refuse(Refusal::NameTaken));
}

#[test]
fn who_is_different_stays_so_unless_updates_are_wanted() {
    let ada = here(1, "ada", MOMENT);
    let staff = ArrivingUser { is_staff: true, ..row(Some(1), "ada", Some(MOMENT)) };
    for on_conflict in [OnConflict::Skip, OnConflict::Fail] {
        let verdict = verdict(&staff, Some(&ada), Some(&ada), on_conflict);
        assert_eq!(verdict, Verdict::Keep);
        assert!(verdict.is_conflict());
    }
    assert_eq!(of(&staff, &[&ada]), Verdict::Update);
}

#[test]
fn what_the_source_does_not_know_stays() {
    let known = User { last_login: Some(LATER), must_change: true, ..here(1, "ada", MOMENT) };
    let after = row(Some(1), "ada", None).over(&known);
    assert!(after == known);
    let other = ArrivingUser { password: "$other".to_owned(), ..row(Some(1), "ada", None) };
    assert!(!other.over(&known).must_change);
}

#[test]
fn of_what_a_source_says_nothing_that_stays_as_it_is() {
    let profile = Profile { groups: vec!["poets".to_owned()], ..Profile::default() };
    let email = Email::stored("root@example.com".to_owned());
    let known = User { email, profile, is_active: false, ..operator(1, "root", MOMENT) };
    let says = Says { email: true, ..Says::NOTHING };
    let after = ArrivingUser { says, ..row(Some(1), "root", Some(MOMENT)) }.over(&known);
    assert!(after == User { email: Email::default(), ..known });
}

#[test]
fn a_password_staff_or_a_lockout_ends_tokens_and_nothing_else_does() {
    let ada = here(1, "ada", MOMENT);
    let ends = |after: User| ends_tokens(&ada, &after);
    assert!(ends(User { password: PasswordHash::new("$other".to_owned()), ..ada.clone() }));
    assert!(ends(User { is_staff: true, ..ada.clone() }));
    assert!(ends(User { is_active: false, ..ada.clone() }));
    assert!(!ends(User { username: Username::stored("eve".to_owned()), ..ada.clone() }));
    let locked_out = User { is_active: false, ..ada.clone() };
    assert!(!ends_tokens(&locked_out, &ada));
}
