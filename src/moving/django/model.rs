//! A model of a Django, as `--user-model` and dumps name it.

use std::str::FromStr;

/// A model: `auth.user`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Model {
    /// `app.model` in lower case, as dumps have it.
    label: String,
}

impl Model {
    /// As a dump names it.
    pub(in crate::moving) fn label(&self) -> &str {
        &self.label
    }

    /// The table in which it is kept, unless its `db_table` says otherwise.
    pub(super) fn table(&self) -> String {
        self.label.replacen('.', "_", 1)
    }
}

/// The text is not the name of a model.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("is not a model such as accounts.user")]
pub struct NotAModel;

impl FromStr for Model {
    type Err = NotAModel;

    fn from_str(text: &str) -> Result<Self, NotAModel> {
        let is_name = |part: &str| {
            let is_fine = |char: char| char.is_alphanumeric() || char == '_';
            !part.is_empty() && part.chars().all(is_fine)
        };
        match text.split_once('.') {
            Some((app, model)) if is_name(app) && is_name(model) => {
                Ok(Self { label: text.to_lowercase() })
            }
            _ => Err(NotAModel),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_is_an_app_and_a_name_in_either_case() {
        let model: Model = "accounts.User".parse().unwrap();
        assert_eq!((model.label(), model.table().as_str()), ("accounts.user", "accounts_user"));
        for other in ["user", "a.b.c", ".user", "a.", "a.b;"] {
            assert_eq!(other.parse::<Model>(), Err(NotAModel), "{other}");
        }
    }
}
