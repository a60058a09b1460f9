//! The database servers that an import reads from stand ready for a test.

use crate::harness::database::{Database, PASSWORD};

#[test]
fn a_postgresql_of_a_tests_own_answers() {
    keeps_what_it_is_told(&Database::postgres());
}

#[test]
fn a_mariadb_of_a_tests_own_answers() {
    keeps_what_it_is_told(&Database::mariadb());
}

fn keeps_what_it_is_told(database: &Database) {
    assert!(!database.url().contains(PASSWORD), "a URL cannot hold it as it is");
    database.ask("CREATE TABLE people (id INTEGER, name VARCHAR(150))");
    database.ask("INSERT INTO people VALUES (7, 'Zoë ☃')");
    assert_eq!(database.ask("SELECT id, name FROM people"), "7\tZoë ☃\n");
}
