//! Letting in again those who have tried too much.

use super::super::notice;
use super::super::page::{self, Nav};
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
    let done = match site.auth().clear_these_limits(keys, site.actor()).await? {
        0 => "limits-gone",
        _ => "limits-cleared",
    };
    Ok(back(site, done))
}

/// `/limits/clear/all/`
pub(super) async fn all(site: &Site<'_>) -> Result<ConsoleAnswer, Refusal> {
    if !site.asked().is_read() {
        site.form()?;
        site.auth().clear_limits(None, None, site.actor()).await?;
        return Ok(back(site, "limits-cleared"));
    }
    let shown = site.auth().limits_shown(0).await?;
    let body = html! {
        div.panel {
            p {
                "This forgets all that counts against limits, of everyone: " b { (shown.count) }
                " at present, of which " b { (shown.refused) } " refuse someone. Whoever guesses \
                passwords may begin anew."
            }
            form.row method="post" {
                (site.form_key())
                button.danger { "Clear all" }
                a href=(site.link("/limits/")) { "Back" }
            }
        }
    };
    Ok(site.page(Nav::Limits, "Clear all limits", &body))
}

fn back(site: &Site<'_>, done: &str) -> ConsoleAnswer {
    page::redirect(&site.link(&format!("/limits/{}", notice::told(done))))
}
