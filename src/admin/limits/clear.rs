//! Letting in again those who have tried too much.

use super::super::notice;
use super::super::page::{self, Nav};
use super::super::proof::{self, Asks};
use super::super::refusal::Refusal;
use super::super::site::Site;
use crate::gateway::ConsoleAnswer;
use maud::html;

/// `/limits/clear/`
pub(super) async fn some(site: &Site<'_>) -> Result<ConsoleAnswer, Refusal> {
    let form = site.form()?;
    let keys: Vec<String> = match form.get("one") {
        Some(one) => vec![one.to_owned()],
        None => form.all("limit").map(str::to_owned).collect(),
    };
    if keys.is_empty() {
        return Err(Refusal::BadRequest("No limit was selected.".to_owned()));
    }
    let proved = match proof::check(site, false, &form).await? {
        Ok(proved) => proved,
        Err(words) => return some_asked(site, &keys, words).await,
    };
    let done = match site.auth().clear_these_limits(keys, proved).await? {
        0 => "limits-gone",
        _ => "limits-cleared",
    };
    Ok(back(site, done))
}

/// `/limits/clear/all/`
pub(super) async fn all(site: &Site<'_>) -> Result<ConsoleAnswer, Refusal> {
    if site.asked().is_read() {
        return all_asked(site, None).await;
    }
    match proof::check(site, false, &site.form()?).await? {
        Ok(proved) => {
            site.auth().clear_limits(None, None, proved).await?;
            Ok(back(site, "limits-cleared"))
        }
        Err(words) => all_asked(site, Some(words)).await,
    }
}

/// Asks for the proof before those that were selected are cleared.
async fn some_asked(
    site: &Site<'_>,
    keys: &[String],
    unproved: &str,
) -> Result<ConsoleAnswer, Refusal> {
    let what = if keys.len() == 1 { "the limit" } else { "the limits" };
    let body = html! {
        div.panel {
            p { "Whoever is refused by " (what) " that you have selected may try again at once." }
            form.stack method="post" action=(site.link("/limits/clear/")) {
                (site.form_key())
                @for key in keys { input type="hidden" name="limit" value=(key); }
                (proof::part(site, Asks::Always, Some(unproved)).await?)
                div.row {
                    button.primary { "Clear " (what) }
                    a.button href=(site.link("/limits/")) { "Cancel" }
                }
            }
        }
    };
    let page = site.page(Nav::Limits, "Clear limits", &body);
    Ok(proof::refused_if(Some(unproved), page))
}

async fn all_asked(site: &Site<'_>, unproved: Option<&str>) -> Result<ConsoleAnswer, Refusal> {
    let shown = site.auth().limits_shown(0).await?;
    let body = html! {
        div.panel {
            p {
                "This forgets all that counts against limits, of everyone: " b { (shown.count) }
                " at present, of which " b { (shown.refused) } " refuse someone. Whoever guesses \
                passwords may begin anew."
            }
            form.stack method="post" {
                (site.form_key())
                (proof::part(site, Asks::before(site, Some(false)), unproved).await?)
                div.row {
                    button.danger { "Clear all" }
                    a.button href=(site.link("/limits/")) { "Cancel" }
                }
            }
        }
    };
    Ok(proof::refused_if(unproved, site.page(Nav::Limits, "Clear all limits", &body)))
}

fn back(site: &Site<'_>, done: &str) -> ConsoleAnswer {
    page::redirect(&site.link(&format!("/limits/{}", notice::told(done))))
}
