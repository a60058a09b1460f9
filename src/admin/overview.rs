//! `/`: what is going on, and what needs attention.

use super::page::Nav;
use super::refusal::Refusal;
use super::site::Site;
use crate::gateway::ConsoleAnswer;
use maud::html;

/// `/`
pub(super) async fn answer(site: &Site<'_>) -> Result<ConsoleAnswer, Refusal> {
    site.auth().ping().await.map_err(crate::auth::AuthError::from)?;
    Ok(site.page(Nav::Overview, "Overview", &html! { p { "All is well." } }))
}
