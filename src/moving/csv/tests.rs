//! What is read of a table.

use crate::moving::gather::{file, gather};
use crate::moving::{Batch, Origin};
use crate::store::staging::{GroupRef, Says};

const BCRYPT: &str = "$2b$12$UYmHrjX5VSVXDcJ47JHmmu/UEwFVwYYqmq21jqiFSKsfCSl6f2iyC";
const ARGON2: &str = "$argon2id$v=19$m=512,t=2,p=2$c2FsdHNhbHQ$hw4HtuQ4rvWqS/2da5AYVw";

fn read(text: &str) -> Result<Batch, String> {
    let (input, _file) = file(text);
    gather(&Origin::Csv(input))
}

#[test]
fn the_first_line_names_the_columns_in_any_order() {
    let text = format!(
        "\u{feff}Email,name,hash,is_staff,groups\nada@example.com,ada,\"{ARGON2}\",1,editors; poets\n\
         ,bob,{BCRYPT},,\n"
    );
    let users = read(&text).unwrap().users;
    let [ada, bob] = users.as_slice() else { panic!() };
    assert_eq!((ada.username.as_str(), ada.email.as_str()), ("ada", "ada@example.com"));
    assert!(ada.is_staff && ada.is_active && ada.password == ARGON2 && ada.trouble.is_none());
    let names = ["editors", "poets"].map(|name| GroupRef::Name(name.to_owned()));
    assert_eq!(ada.groups, names);
    assert_eq!((bob.id, bob.place, bob.is_staff), (None, 3, false));
    assert_eq!(bob.password, format!("bcrypt${BCRYPT}"));
}

#[test]
fn a_line_has_the_same_number_however_it_ends() {
    for end in ["\n", "\r\n"] {
        let batch =
            read(&["name,hash", "ada,!", "bob,!"].map(|line| line.to_owned() + end).concat());
        let places: Vec<_> = batch.unwrap().users.iter().map(|user| user.place).collect();
        assert_eq!(places, [2, 3], "{end:?}");
    }
}

#[test]
fn a_broken_line_is_told_and_the_others_are_read() {
    let batch = read("name,hash,is_staff\nada,!\nbob,!,perhaps\neve,!,1\n,!,0\n").unwrap();
    assert_eq!(batch.users.len(), 1);
    let told: Vec<_> = batch.unreadable.iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "2, a line: has 2 cells; the first line has 3",
            "3, a line: is_staff: is a text that says neither: true, t, yes, y or 1 is yes, and false, f, no, n or 0 is no",
            "5, a line: username: is missing; nobody could sign in without it",
        ]
    );
}

#[test]
fn what_may_be_a_password_is_not_kept() {
    let lines =
        "ada,pass-Word-123\nbob,md5$salt$5b46babb\neve,!pass-Word-123\nzoe,pbkdf2_sha256$pass\n";
    let batch = read(&format!("name,hash\n{lines}")).unwrap();
    let kept: Vec<_> = batch.users.iter().map(|user| (&*user.password, &*user.kind)).collect();
    let kinds = [("!", "unknown"), ("!", "md5"), ("!", "unusable"), ("!", "pbkdf2_sha256")];
    assert_eq!(kept, kinds);
    assert!(batch.users.iter().all(|user| user.trouble.is_some()));
}

#[test]
fn a_table_may_have_semicolons_or_tabs() {
    for text in
        ["name;hash;email\nada;!;a,b@example.com\n", "name\thash\temail\nada\t!\ta,b@example.com\n"]
    {
        assert_eq!(read(text).unwrap().users[0].email, "a,b@example.com");
    }
}

#[test]
fn of_what_has_no_column_nothing_is_said() {
    let says = read("name,hash,is_staff\n").unwrap().says.unwrap();
    assert_eq!(says, Says { staff: true, ..Says::NOTHING });
}

#[test]
fn a_quote_that_is_never_closed_does_not_swallow_the_rest() {
    let text = format!("name,hash\nada,\"!\n{}", "bob,!\n".repeat(50_000));
    let said = read(&text).err().unwrap();
    assert!(said.contains("a line is longer than 64 KiB"), "{said}");
    for text in ["name,hash\nada,\"!\nbob,!\n", "name,email,hash\nada,\"a\nbob\",!\n"] {
        let said = read(text).err().unwrap();
        assert!(said.starts_with("line 2: a cell goes on in the next line"), "{said}");
    }
}

#[test]
fn a_quote_that_is_left_open_in_any_cell_is_told_with_its_line() {
    for (end, more) in [("\n", 3), ("\r\n", 3), ("\n", 20_000), ("\r\n", 20_000)] {
        for open in ["\"bad,!,b@x", "bad,\"!,b@x", "bad,!,\"b@x", "\"bad"] {
            let good = |count| format!("ada,!,a@x{end}").repeat(count);
            let text = format!("name,hash,email{end}{}{open}{end}{}", good(3), good(more));
            let said = read(&text).err().unwrap_or_default();
            assert!(
                said.starts_with("line 5: ") && said.contains("quote"),
                "{open} {more}: {said}"
            );
        }
    }
}

#[test]
fn columns_that_are_missing_or_unknown_are_told_before_anything_is_read() {
    let said = read("name,emial,hash\n").err().unwrap();
    assert!(said.contains("the column `emial` is not known; these are: name, username"), "{said}");
    let said = read("ada,hunter2\nbob,hunter3\n").err().unwrap();
    assert!(said.contains("the first line names no column that is known"), "{said}");
    assert!(!said.contains("hunter2"), "{said}");
    assert!(read("name,email\n").err().unwrap().contains("needs one column `hash`"));
    assert!(read("name,hash,password\n").err().unwrap().contains("one column `hash`"));
}

#[test]
fn blanks_around_a_cell_are_not_of_it() {
    let lines = format!(" name ; hash;is_staff;id;groups\n ada ; {BCRYPT} ; YES ; 7 ;\n");
    let batch = read(&lines).unwrap();
    let [ada] = batch.users.as_slice() else { panic!("{:?}", batch.unreadable) };
    assert_eq!((ada.username.as_str(), ada.id, ada.is_staff), ("ada", Some(7), true));
    assert_eq!(ada.password, format!("bcrypt${BCRYPT}"));
}

#[test]
fn a_group_without_a_name_is_none() {
    for groups in ["a;;b", ";a; ;b;"] {
        let batch = read(&format!("name,hash,groups\nada,!,{groups}\nbob,!,;\n")).unwrap();
        let names = ["a", "b"].map(|name| GroupRef::Name(name.to_owned()));
        assert_eq!(batch.users[0].groups, names);
        assert!(batch.users[1].groups.is_empty());
    }
}

#[test]
fn a_number_that_is_none_is_told_by_its_column() {
    let batch = read("id,name,hash\nx7,ada,!\n-1,bob,!\n3,eve,!\n").unwrap();
    let told: Vec<_> = batch.unreadable.iter().map(ToString::to_string).collect();
    let words = "id: is no number of a user, such as 7; without one they get a new one";
    assert_eq!(told, [format!("2, a line: {words}"), format!("3, a line: {words}")]);
}

#[test]
fn a_flag_is_said_in_the_usual_words() {
    let lines = "a,!,y\nb,!,N\nc,!,Yes\nd,!,no\n";
    let users = read(&format!("name,hash,is_staff\n{lines}")).unwrap().users;
    let staff: Vec<_> = users.iter().map(|user| user.is_staff).collect();
    assert_eq!(staff, [true, false, true, false]);
}
