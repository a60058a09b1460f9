//! How a stream is cut into objects.

use super::*;

/// Gives a byte at a time.
struct Slow<'a>(&'a [u8]);

impl Read for Slow<'_> {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let count = room.len().min(1);
        self.0.read(&mut room[..count])
    }
}

fn elements(text: &[u8]) -> Result<Vec<String>, String> {
    let collect = |mut elements: Elements<&mut dyn Read>| {
        let mut found = Vec::new();
        while let Some(element) = elements.next().map_err(|error| error.to_string())? {
            let (Element::Whole(text) | Element::TooLong(text)) = element;
            found.push(String::from_utf8(text.to_vec()).unwrap());
        }
        Ok(found)
    };
    let whole = collect(Elements::of(&mut { text } as &mut dyn Read));
    let slow = collect(Elements::of(&mut Slow(text) as &mut dyn Read));
    assert_eq!(whole, slow);
    whole
}

#[test]
fn a_list_is_cut_into_its_objects() {
    let found = elements(b" [ {\"a\": {\"b\": [1]}} ,\n{}, {\"x\":\"}\\\"{\\\\\"}] \n").unwrap();
    assert_eq!(found, ["{\"a\": {\"b\": [1]}}", "{}", "{\"x\":\"}\\\"{\\\\\"}"]);
    assert_eq!(elements(b"[]").unwrap(), [""; 0]);
}

#[test]
fn objects_may_follow_each_other_line_by_line() {
    assert_eq!(
        elements(b"{\"a\":1}\n{}\n\n{\"b\":2}\n").unwrap(),
        ["{\"a\":1}", "{}", "{\"b\":2}"]
    );
}

#[test]
fn a_byte_order_mark_is_passed_over() {
    assert_eq!(elements("\u{feff}[{}]".as_bytes()).unwrap(), ["{}"]);
}

#[test]
fn an_object_may_be_longer_than_what_is_read_at_once() {
    let long = format!("[{{\"a\":\"{}\"}},{{}}]", "x".repeat(600_000));
    let found = elements(long.as_bytes()).unwrap();
    assert_eq!((found.len(), found[0].len()), (2, 600_008));
}

#[test]
fn of_one_that_is_very_long_the_beginning_is_told_and_it_is_passed_over() {
    let long = format!("[{{\"a\":\"{}\"}},{{}}]", "x".repeat(3_000_000));
    let mut elements = Elements::of(long.as_bytes());
    let Some(Element::TooLong(head)) = elements.next().unwrap() else { panic!() };
    assert!(head.len() == 4_096 && head.starts_with(b"{\"a\":\"xxx"));
    assert_eq!(elements.next().unwrap(), Some(Element::Whole(b"{}")));
    assert_eq!(elements.next().unwrap(), None);
}

#[test]
fn what_is_no_dump_is_told_and_where() {
    for (text, words) in [
        (&b""[..], "at byte 0, after 0 objects: it is empty"),
        (b"  ", "at byte 2, after 0 objects: it is empty"),
        (b"Loading...\n[{}]", "at byte 0, after 0 objects: it does not begin with [ or {"),
        (b"[{}", "at byte 3, after 1 objects: it ends before the list does"),
        (b"[{}, {\"a\": ", "at byte 5, after 1 objects: it ends within an object"),
        (b"[{} {}]", "at byte 4, after 1 objects: , or ] is to follow"),
        (b"[{},]", "at byte 4, after 1 objects: { is to begin"),
        (b"[1]", "at byte 1, after 0 objects: { is to begin"),
        (b"[{}] x", "at byte 5, after 1 objects: something follows"),
        (b"\xff\xfe[\0", "at byte 0, after 0 objects: it is UTF-16"),
    ] {
        let said = elements(text).unwrap_err();
        assert!(said.starts_with(words), "{said}");
    }
}
