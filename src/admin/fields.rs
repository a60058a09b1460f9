//! The fields of a form, with what is wrong beside them.

use super::asked::Pairs;
use maud::{Markup, html};

/// What is wrong with what was typed, field by field.
#[derive(Default)]
pub(super) struct Problems(Vec<(&'static str, String)>);

/// A field of one line.
#[derive(Clone, Copy)]
pub(super) struct Field<'a> {
    /// What browsers may fill in.
    pub autocomplete: &'static str,
    /// What it is for, in a line below it.
    pub hint: Option<&'static str>,
    pub label: &'static str,
    pub name: &'static str,
    /// The type of the input.
    pub kind: &'static str,
    /// What was typed before; never a secret.
    pub value: &'a str,
}

impl Problems {
    /// Adds all that is wrong with a field.
    pub(super) fn add(
        &mut self,
        field: &'static str,
        problems: impl IntoIterator<Item = impl ToString>,
    ) {
        self.0.extend(problems.into_iter().map(|problem| (field, problem.to_string())));
    }

    /// Whether nothing is wrong.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn of(&self, field: &str) -> Vec<&str> {
        let of_it = self.0.iter().filter(|(name, _)| *name == field);
        of_it.map(|(_, problem)| problem.as_str()).collect()
    }

    /// What is wrong with a field that is none of one line.
    pub(super) fn list(&self, field: &str) -> Markup {
        html! {
            @let wrong = self.of(field);
            @if !wrong.is_empty() { ul.wrong { @for problem in wrong { li { (problem) } } } }
        }
    }

    /// Tells that something is wrong, before the form.
    pub(super) fn summary(&self) -> Markup {
        html! {
            @if !self.is_empty() {
                p.alert role="alert" {
                    @if let [_] = self.0.as_slice() { "Please correct the error below." }
                    @else { "Please correct the errors below." }
                }
            }
        }
    }
}

/// A field, and what is wrong with it.
pub(super) fn field(field: Field<'_>, problems: &Problems) -> Markup {
    let Field { autocomplete, hint, label, name, kind, value } = field;
    let wrong = problems.of(name);
    let (wrong_id, hint_id) = (format!("{name}-wrong"), format!("{name}-hint"));
    let described = match (wrong.is_empty(), hint) {
        (true, None) => None,
        (true, Some(_)) => Some(hint_id.clone()),
        (false, None) => Some(wrong_id.clone()),
        (false, Some(_)) => Some(format!("{wrong_id} {hint_id}")),
    };
    html! {
        div.field {
            label { (label)
                input type=(kind) name=(name) value=[Some(value).filter(|value| !value.is_empty())]
                    autocomplete=(autocomplete) autocapitalize="none" spellcheck="false"
                    aria-invalid=[(!wrong.is_empty()).then_some("true")]
                    aria-describedby=[described];
            }
            @if !wrong.is_empty() {
                ul.wrong id=(wrong_id) { @for problem in wrong { li { (problem) } } }
            }
            @if let Some(hint) = hint { p.hint id=(hint_id) { (hint) } }
        }
    }
}

/// A line of text of a form, with what was typed.
pub(super) fn line<'a>(
    sent: &'a Pairs,
    name: &'static str,
    label: &'static str,
    hint: Option<&'static str>,
) -> Field<'a> {
    let value = sent.get(name).unwrap_or_default();
    Field { autocomplete: "off", hint, label, name, kind: "text", value }
}

/// A box to tick.
pub(super) fn tick(name: &str, label: &str, is_ticked: bool) -> Markup {
    html! {
        label.check { input type="checkbox" name=(name) value="yes" checked[is_ticked]; (label) }
    }
}

/// What is shown once, with a button that copies it.
pub(super) fn secret(id: &str, text: &str) -> Markup {
    html! {
        pre.secret id=(id) { (text) }
        p { button type="button" hidden data-copies=(id) { "Copy" } }
    }
}
