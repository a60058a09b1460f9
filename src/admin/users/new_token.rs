//! `/users/ID/tokens/new/`: a token for a program of theirs, shown once.

use super::super::asked::Pairs;
use super::super::fields::{Problems, field, line, secret};
use super::super::page::{Nav, moment_or};
use super::super::proof::{self, Asks};
use super::super::refusal::Refusal;
use super::super::site::Site;
use super::super::tokens::short;
use super::{name, path_of};
use crate::auth::{Issued, Lifetime, NewTokenTerms};
use crate::gateway::ConsoleAnswer;
use crate::model::token::TokenAbout;
use crate::model::user::User;
use maud::{Markup, html};
use std::time::Duration;

/// The units in which a lifetime is given, with their seconds.
const UNITS: [(&str, u64); 3] = [("days", 86_400), ("hours", 3_600), ("minutes", 60)];

/// `/users/ID/tokens/new/`
pub(super) async fn answer(site: &Site<'_>, user: &User) -> Result<ConsoleAnswer, Refusal> {
    if site.asked().is_read() {
        let form = Pairs::read(b"count=30");
        return page(site, user, &form, (&Problems::default(), None)).await;
    }
    let sent = site.form()?;
    let mut problems = Problems::default();
    let label = sent.get("name").unwrap_or_default();
    if label.chars().count() > TokenAbout::LONGEST {
        let words =
            format!("Ensure this field has no more than {} characters.", TokenAbout::LONGEST);
        problems.add("name", [words]);
    }
    let lifetime = lifetime(&sent, &mut problems).filter(|_| problems.is_empty());
    let Some(lifetime) = lifetime else {
        return page(site, user, &sent, (&problems, None)).await;
    };
    let proved = match proof::check(site, user.is_staff, &sent).await? {
        Ok(proved) => proved,
        Err(words) => return page(site, user, &sent, (&problems, Some(words))).await,
    };
    let terms = NewTokenTerms { lifetime, name: Some(label.to_owned()) };
    let issued = site.auth().create_token(user.clone(), terms, proved).await?;
    Ok(shown_once(site, &issued))
}

fn lifetime(sent: &Pairs, problems: &mut Problems) -> Option<Lifetime> {
    match sent.get("lifetime") {
        Some("never") => return Some(Lifetime::Forever),
        Some("span") => {}
        _ => return Some(Lifetime::Usual),
    }
    let unit = UNITS.into_iter().find(|(name, _)| Some(*name) == sent.get("unit"));
    let (_, seconds) = unit.unwrap_or(("days", 86_400));
    let count = sent.get("count").unwrap_or_default().trim().parse::<u64>().ok();
    let span = count
        .and_then(|count| count.checked_mul(seconds))
        .filter(|span| (1..=Lifetime::LONGEST).contains(span));
    if span.is_none() {
        problems.add("count", ["Enter a whole number of days, hours or minutes."]);
    }
    span.map(|span| Lifetime::Of(Duration::from_secs(span)))
}

async fn page(
    site: &Site<'_>,
    user: &User,
    sent: &Pairs,
    (problems, unproved): (&Problems, Option<&str>),
) -> Result<ConsoleAnswer, Refusal> {
    let asks = Asks::before(site, Some(user.is_staff));
    let body = html! {
        p { "A token for " a href=(site.link(&path_of(user))) { (name(&user.username)) }
            ". Whoever has it passes as them." }
        form.stack.panel method="post" action=(site.link(&format!("{}tokens/new/", path_of(user)))) {
            (problems.summary())
            (site.form_key())
            (field(line(sent, "name", "Name", Some("What it is for: shown in lists. May be left blank.")), problems))
            (lifetimes(site, sent, problems))
            (proof::part(site, asks, unproved).await?)
            div.row {
                button.primary { "Create" }
                a.button href=(site.link(&path_of(user))) { "Cancel" }
            }
        }
    };
    Ok(proof::refused_if(unproved, site.page(Nav::Users, "New token", &body)))
}

fn lifetimes(site: &Site<'_>, sent: &Pairs, problems: &Problems) -> Markup {
    let usual =
        site.auth().usual_lifetime().map_or_else(|| "it never expires".to_owned(), in_words);
    let usual = format!("As every token: {usual}");
    let choices =
        [("usual", usual.as_str()), ("span", "For a time of its own:"), ("never", "Never expires")];
    let chosen = sent.get("lifetime").unwrap_or("usual");
    let count = line(sent, "count", "How many", None);
    html! {
        fieldset {
            legend { "Lifetime" }
            @for (value, label) in choices {
                label.check {
                    input type="radio" name="lifetime" value=(value) checked[value == chosen];
                    (label)
                }
                @if value == "span" {
                    div.row.span {
                        (field(count, problems))
                        label { "Unit"
                            select name="unit" {
                                @for (unit, _) in UNITS {
                                    option value=(unit) selected[sent.get("unit") == Some(unit)] {
                                        (unit)
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// A span in its largest unit.
fn in_words(span: Duration) -> String {
    let seconds = span.as_secs();
    let unit =
        UNITS.into_iter().find(|(_, unit)| seconds >= *unit && seconds.is_multiple_of(*unit));
    let (unit, of) = unit.unwrap_or(("seconds", 1));
    format!("{} {unit}", seconds / of)
}

/// The only page that ever shows a token.
fn shown_once(site: &Site<'_>, issued: &Issued) -> ConsoleAnswer {
    let Issued { record, token, user, .. } = issued;
    let (origin, scheme) = (site.asked().origin(), site.gateway().scheme());
    let curl = format!("curl -H 'Authorization: {scheme} {}' {origin}/", token.expose());
    let body = html! {
        p.notice role="status" { "The token " code { (short(record.id())) } " of " (name(&user.username)) " is made." }
        div.panel {
            p { "It is not shown again. It expires: " (moment_or(record.expires, "never")) "." }
            (secret("token", token.expose()))
            h2 { "To try it" }
            (secret("curl", &curl))
        }
        p { a href=(site.link(&path_of(user))) { "To the page of " (name(&user.username)) } }
    };
    site.page(Nav::Users, "New token", &body)
}
