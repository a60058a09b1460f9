//! What one who is signed in types to prove that it is them.

use super::asked::Pairs;
use super::refusal::Refusal;
use super::site::Site;
use crate::auth::OwnProof;
use crate::model::password::Password;
use maud::{Markup, html};

/// What is said where it does not prove it.
pub(super) const WRONG: &str = "The password or the code is wrong, or the code was used already.";

/// The fields: the present password, and a code for those who have an authenticator app.
pub(super) async fn fields(site: &Site<'_>) -> Result<Markup, Refusal> {
    let user = &site.session.user;
    let has_app = site.auth().has_second_factor(user.id).await?;
    Ok(html! {
        input type="hidden" autocomplete="username" value=(user.username.as_str());
        label { "Your present password"
            input type="password" name="password" autocomplete="current-password" required;
        }
        @if has_app { (code_field()) }
    })
}

/// A code, or what takes its place.
pub(super) fn code_field() -> Markup {
    html! {
        label { "Code of the app, or a recovery code"
            input name="code" autocomplete="one-time-code" autocapitalize="none" spellcheck="false"
                maxlength="40" required;
        }
    }
}

/// What was typed.
pub(super) fn read(form: &Pairs) -> OwnProof<'_> {
    OwnProof {
        code: form.get("code").unwrap_or_default(),
        password: Password::new(form.get("password").unwrap_or_default().to_owned()),
    }
}
