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

    /// The name of ASCII characters alone that looks the same. `None` if it is of those itself, or
    /// if a character of it looks like none of them.
    pub fn ascii_twin(&self) -> Option<Self> {
        if self.as_str().is_ascii() {
            return None;
        }
        let prototypes: Vec<_> = ('!'..='~').map(|char| (char, prototype(char))).collect();
        let twin = |char: char| {
            if char.is_ascii() {
                return Some(char);
            }
            let wanted = prototype(char);
            let alike = prototypes.iter().filter(|(_, prototype)| *prototype == wanted);
            // I, l and 1 look alike: the one of the same kind comes first.
            let kind = char.general_category();
            alike.map(|(char, _)| *char).min_by_key(|one| is_unlike(kind, *one))
        };
        let twin: Option<String> = self.as_str().chars().map(twin).collect();
        Self::parse(&twin?).ok()
    }
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
            assert_eq!(name(text).ascii_twin(), Some(name(twin)), "{text}");
        }
    }

    #[test]
    fn most_names_have_no_twin() {
        for text in ["admin", "Admin", "I1l0O", "josé", "Иван", "山田太郎", "straße", "ｗｉｄｅ"]
        {
            assert_eq!(name(text).ascii_twin(), None, "{text}");
        }
    }
}
