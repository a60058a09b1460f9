//! Which tables are found, and what is asked of them.

use super::*;

fn tables(given: &[(&str, &str)]) -> Tables {
    let mut tables = Tables::default();
    for (name, columns) in given {
        for column in columns.split(' ') {
            tables.add_column((*name).to_owned(), column.to_owned());
        }
    }
    tables
}

const OWN: (&str, &str) = ("accounts_member", "id email password last_login");
const USERS: (&str, &str) = ("auth_user", "id username email password last_login is_staff");

fn names(given: &[(&str, &str)], model: Option<&str>) -> Result<Vec<String>, SchemaError> {
    named(&tables(given), model)
}

fn named(tables: &Tables, model: Option<&str>) -> Result<Vec<String>, SchemaError> {
    let user_model = model.map(|model| model.parse().unwrap());
    let terms = Terms { user_model, ..Terms::default() };
    let found = queries(tables, &terms, Dialect::Sqlite)?;
    Ok(found.into_iter().map(|query| query.name).collect())
}

#[test]
fn users_and_tokens_are_found_by_their_columns() {
    let knox = ("knox_authtoken", KNOX);
    let keys = ("authtoken_token", "key user_id created");
    let found = names(&[USERS, knox, keys, ("auth_group", "id name")], None).unwrap();
    assert_eq!(found, ["auth_group", "auth_user", "knox_authtoken", "authtoken_token"]);
}

#[test]
fn a_user_model_of_ones_own_is_found_or_named() {
    assert_eq!(names(&[OWN], None).unwrap(), ["accounts_member"]);
    let other = ("shop_customer", "id email password last_login");
    let both = vec!["accounts_member".to_owned(), "shop_customer".to_owned()];
    assert_eq!(names(&[OWN, other], None), Err(SchemaError::Several(both)));
    assert_eq!(names(&[OWN, other], Some("shop.Customer")).unwrap(), ["shop_customer"]);
    let none = Err(SchemaError::NoSuchTable("shop_buyer".to_owned()));
    assert_eq!(names(&[OWN, other], Some("shop.buyer")), none);
    assert_eq!(names(&[("shop_order", "id total")], None), Err(SchemaError::NoUsers));
}

#[test]
fn users_are_those_whose_the_tokens_are() {
    let knox = ("knox_authtoken", KNOX);
    let mut tables = tables(&[OWN, USERS, knox]);
    let both = vec!["accounts_member".to_owned(), "auth_user".to_owned()];
    assert_eq!(named(&tables, None), Err(SchemaError::Several(both)));
    let [table, column, to] = ["knox_authtoken", "user_id", "accounts_member"];
    tables.add_reference(table.to_owned(), column.to_owned(), to.to_owned());
    assert_eq!(named(&tables, None).unwrap(), ["accounts_member", "knox_authtoken"]);
}

#[test]
fn another_column_may_be_the_name() {
    let terms = Terms { username_field: Some("email".to_owned()), ..Terms::default() };
    let found = queries(&tables(&[USERS]), &terms, Dialect::Postgres).unwrap();
    assert!(found[0].sql.starts_with("SELECT t.\"id\", t.\"email\", t.\"email\","));
    let terms = Terms { username_field: Some("phone".to_owned()), ..Terms::default() };
    let none = queries(&tables(&[USERS]), &terms, Dialect::Postgres).unwrap_err();
    assert_eq!(none.to_string(), "the table auth_user has no column phone");
}

#[test]
fn what_there_is_no_column_for_is_not_said() {
    let found = queries(&tables(&[OWN]), &Terms::default(), Dialect::Postgres).unwrap();
    assert_eq!(says(&found), Says { email: true, ..Says::NOTHING });
}

#[test]
fn what_a_table_does_not_have_is_asked_for_as_nothing() {
    let old = ("knox_authtoken", "digest token_key user_id created expires salt");
    let found = queries(&tables(&[USERS, old]), &Terms::default(), Dialect::MySql).unwrap();
    assert!(found[0].sql.contains("t.`password`, NULL, t.`is_staff`, NULL"), "{}", found[0].sql);
    assert!(found[1].sql.ends_with("t.`expires`, t.`salt` FROM `knox_authtoken` t"));
}

#[test]
fn groups_are_found_whatever_the_model_is_called() {
    let members = ("accounts_member_groups", "id member_id group_id");
    let found = queries(&tables(&[OWN, members]), &Terms::default(), Dialect::Postgres).unwrap();
    let part = "(SELECT string_agg(g.group_id::text, ',') FROM \"accounts_member_groups\" g \
                WHERE g.\"member_id\" = t.id)";
    assert!(found[0].sql.contains(part), "{}", found[0].sql);
}

const KNOX: &str = "digest token_key user_id created expiry";

fn with_tokens(names: &[&str]) -> Terms {
    let token_models = names.iter().map(|name| name.parse().unwrap()).collect();
    Terms { token_models, ..Terms::default() }
}

#[test]
fn tables_of_tokens_are_named_or_are_knoxs_and_rest_frameworks() {
    let all = tables(&[USERS, ("knox_authtoken", KNOX), ("accounts_session", KNOX), OTP]);
    let found = |terms: &Terms| {
        let found = queries(&all, terms, Dialect::Sqlite)?;
        Ok::<_, SchemaError>(found.into_iter().map(|query| query.name).collect::<Vec<_>>())
    };
    assert_eq!(found(&Terms::default()).unwrap(), ["auth_user", "knox_authtoken"]);
    let own = found(&with_tokens(&["accounts.Session"])).unwrap();
    assert_eq!(own, ["auth_user", "accounts_session"]);
    let none = Err(SchemaError::NoTokens("accounts_sesion".to_owned()));
    assert_eq!(found(&with_tokens(&["accounts.sesion"])), none);
    let several = names(&[USERS, ("a_session", KNOX), ("b_session", KNOX)], None);
    let both = vec!["a_session".to_owned(), "b_session".to_owned()];
    assert_eq!(several, Err(SchemaError::SeveralTokens(both)));
    assert_eq!(names(&[USERS, ("a_session", KNOX)], None).unwrap(), ["auth_user", "a_session"]);
}

/// What an authenticator app of django-otp has, and a model like REST framework's.
const OTP: (&str, &str) = ("otp_totp_totpdevice", "id name key user_id confirmed");
const OWN_KEYS: (&str, &str) = ("accounts_key", "key user_id created");

#[test]
fn keys_of_another_model_are_taken_only_if_it_is_named() {
    assert_eq!(names(&[USERS, OTP], None).unwrap(), ["auth_user"]);
    let all = tables(&[USERS, OTP, OWN_KEYS]);
    let found = queries(&all, &Terms::default(), Dialect::Sqlite).unwrap();
    let told = warnings(&all, &Terms::default(), &found);
    assert!(told[0].ends_with("if --token-model says so: accounts_key."), "{told:?}");
    let terms = with_tokens(&["accounts.key"]);
    let found = queries(&all, &terms, Dialect::Sqlite).unwrap();
    assert_eq!((found[1].name.as_str(), found[1].table), ("accounts_key", Table::Keys));
    assert!(warnings(&all, &terms, &found).is_empty());
}

#[test]
fn a_column_of_names_that_is_compared_without_case_is_told() {
    let mut all = tables(&[USERS]);
    all.folds("auth_user".to_owned(), "email".to_owned());
    let told = |all: &Tables, terms: &Terms| {
        warnings(all, terms, &queries(all, terms, Dialect::MySql).unwrap())
    };
    assert!(told(&all, &Terms::default()).is_empty());
    let by_email = Terms { username_field: Some("email".to_owned()), ..Terms::default() };
    assert!(told(&all, &by_email)[0].contains("auth_user.email without regard to case"));
    all.folds("auth_user".to_owned(), "username".to_owned());
    assert!(told(&all, &Terms::default())[0].contains("auth_user.username without regard to case"));
}
