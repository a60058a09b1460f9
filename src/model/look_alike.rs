//! Names that look like another's, after Unicode's Technical Standard 39.

use super::user::Username;
use unicode_properties::{GeneralCategory, GeneralCategoryGroup, UnicodeGeneralCategory};
use unicode_security::mixed_script::AugmentedScriptSet;
use unicode_security::skeleton;

impl Username {
    /// Whether its letters are of scripts that are not written together: more than the standard's
    /// level "highly restrictive" permits, which is one script, or Latin beside those of Chinese,
    /// Japanese or Korean. Numbers may be of any.
    pub fn mixes_scripts(&self) -> bool {
        let latin = AugmentedScriptSet::for_char('a');
        let (mut all, mut others) = (AugmentedScriptSet::default(), AugmentedScriptSet::default());
        for char in self.as_str().chars().filter(|char| is_letter(*char)) {
            let scripts = AugmentedScriptSet::for_char(char);
            all.intersect_with(scripts);
            let mut as_latin = scripts;
            as_latin.intersect_with(latin);
            if as_latin.is_empty() {
                others.intersect_with(scripts);
            }
        }
        all.is_empty() && !(others.hanb || others.jpan || others.kore)
    }

    /// The names of ASCII characters alone that look the same: more than one where a character looks
    /// like several, such as I, l and 1, and then the likeliest. None if it is of those itself, or if
    /// a character of it looks like none of them.
    pub fn ascii_twins(&self) -> Vec<Self> {
        /// Each is looked up.
        const MOST: usize = 16;
        if self.as_str().is_ascii() {
            return Vec::new();
        }
        let in_names = |char: &char| char.is_ascii_alphanumeric() || "@.+-_".contains(*char);
        let ascii = ('!'..='~').filter(in_names);
        let prototypes: Vec<_> = ascii.map(|char| (char, prototype(char))).collect();
        let mut twins = vec![String::new()];
        for char in self.as_str().chars() {
            let alike = alike(char, &prototypes);
            let longer =
                twins.iter().flat_map(|twin| alike.iter().map(move |char| format!("{twin}{char}")));
            twins = longer.take(MOST).collect();
        }
        twins.iter().filter_map(|twin| Self::parse(twin).ok()).collect()
    }
}

/// The characters of ASCII that look like this one, those of the same kind first.
fn alike(char: char, prototypes: &[(char, String)]) -> Vec<char> {
    if char.is_ascii() {
        return vec![char];
    }
    let wanted = prototype(char);
    let alike = prototypes.iter().filter(|(_, prototype)| *prototype == wanted);
    let mut alike: Vec<_> = alike.map(|(char, _)| *char).collect();
    let kind = char.general_category();
    alike.sort_by_key(|one| is_unlike(kind, *one));
    alike
}

fn is_letter(char: char) -> bool {
    char.general_category_group() == GeneralCategoryGroup::Letter
}

fn is_unlike(kind: GeneralCategory, ascii: char) -> bool {
    ascii.general_category() != kind
}

/// What all that look like this character have in common.
fn prototype(char: char) -> String {
    skeleton(char.encode_utf8(&mut [0; 4])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Username {
        Username::parse(text).unwrap()
    }

    #[test]
    fn names_of_one_script_or_of_scripts_that_are_written_together_are_fine() {
        for text in [
            "alice",
            "@.+-_",
            "josé",
            "straße",
            "Иван",
            "иван_1984",
            "山田太郎",
            "ひらがなカタカナ漢字",
            "sato佐藤",
            "김kim",
            "कखग",
            "u٣٤",
            "𐐀𐐁",
            "１２３",
        ] {
            assert!(!name(text).mixes_scripts(), "{text}");
        }
    }

    #[test]
    fn scripts_that_are_not_written_together_are_found() {
        for text in ["аdmin", "admіn", "pаypal", "αlice", "Иванx", "김こ", "aकb", "ѕoтa"]
        {
            assert!(name(text).mixes_scripts(), "{text}");
        }
    }

    #[test]
    fn the_twin_is_what_the_name_looks_like_in_ascii() {
        for (text, twin) in [
            ("асе", "ace"),
            ("ɑdmin", "admin"),
            ("admın", "admin"),
            ("рау.о", "pay.o"),
            ("аdmin", "admin"),
            ("ІО", "IO"),
            ("u۱", "u1"),
        ] {
            assert_eq!(name(text).ascii_twins().first(), Some(&name(twin)), "{text}");
        }
    }

    #[test]
    fn a_character_that_looks_like_several_has_a_twin_for_each() {
        for text in ["раураӏ", "раураӀ", "раура\u{661}"] {
            let twins = name(text).ascii_twins();
            assert!(twins.contains(&name("paypal")), "{text}: {twins:?}");
        }
        assert_eq!(name(&"Ӏ".repeat(100)).ascii_twins().len(), 16);
    }

    #[test]
    fn most_names_have_no_twin() {
        for text in ["admin", "Admin", "I1l0O", "josé", "Иван", "山田太郎", "straße", "ｗｉｄｅ"]
        {
            assert_eq!(name(text).ascii_twins(), [], "{text}");
        }
    }
}
