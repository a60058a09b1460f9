//! What one who is signed in types to prove that it is them: before they let someone in, and for what
//! outlives their session.

use super::asked::Pairs;
use super::page::with_status;
use super::refusal::Refusal;
use super::site::Site;
use crate::auth::{NoProof, OwnProof, Proved};
use crate::gateway::ConsoleAnswer;
use crate::model::password::Password;
use http::StatusCode;
use maud::{Markup, html};

/// What is said where it does not prove it.
pub(super) const WRONG: &str = "The password or the code is wrong, or the code was used already.";
/// What is said where too little was typed.
const MISSING: &str = "Type your own present password, and a code if you have an authenticator app, so \
    that it is clear that it is you.";

/// For what the fields stand in a form.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Asks {
    /// For all that the form does.
    Always,
    /// For staff alone.
    ForStaff,
    /// For nothing: there are none.
    Never,
}

impl Asks {
    /// What a form asks for that lets in an operator, or anyone else, or nobody.
    pub(super) fn before(site: &Site<'_>, lets_in: Option<bool>) -> Self {
        match lets_in {
            Some(is_operator) if is_operator || lately(site).is_none() => Self::Always,
            Some(_) | None => Self::Never,
        }
    }
}

/// Someone who may let in an operator, or anyone else; or else what to say to them. What costs no code
/// is looked at before.
pub(super) async fn check(
    site: &Site<'_>,
    is_operator: bool,
    form: &Pairs,
) -> Result<Result<Proved, &'static str>, Refusal> {
    if !is_operator && let Some(proved) = lately(site) {
        return Ok(Ok(proved));
    }
    let (user, from) = (&site.session.user, site.asked().from);
    let proof = OwnProof {
        code: form.get("code").unwrap_or_default(),
        password: Password::new(form.get("own_password").unwrap_or_default().to_owned()),
    };
    let proved = site.auth().prove(&site.id, user, proof, from).await?;
    Ok(proved.map_err(|why| match why {
        NoProof::Missing => MISSING,
        NoProof::Wrong => WRONG,
    }))
}

/// The same where it may be that nobody is let in, which takes no proof.
pub(super) async fn check_if(
    site: &Site<'_>,
    lets_in: Option<bool>,
    form: &Pairs,
) -> Result<Result<Option<Proved>, &'static str>, Refusal> {
    match lets_in {
        None => Ok(Ok(None)),
        Some(is_operator) => Ok(check(site, is_operator, form).await?.map(Some)),
    }
}

fn lately(site: &Site<'_>) -> Option<Proved> {
    site.auth().proved_lately(&site.session, site.asked().from)
}

/// The fields as a part of a form, with what was wrong with them.
pub(super) async fn part(
    site: &Site<'_>,
    asks: Asks,
    problem: Option<&str>,
) -> Result<Markup, Refusal> {
    let hint = match asks {
        Asks::Always => "A session alone, which may have been stolen, is not enough for this.",
        Asks::ForStaff => "Only to make staff: else leave it blank.",
        Asks::Never => return Ok(html! {}),
    };
    let fields = inputs(site, asks == Asks::Always).await?;
    Ok(html! {
        fieldset {
            legend { "Is it you?" }
            @if let Some(problem) = problem { p.alert role="alert" { (problem) } }
            (fields)
            p.hint { (hint) }
        }
    })
}

/// The page with the form, where that says that nothing was proved.
pub(super) fn refused_if(problem: Option<&str>, page: ConsoleAnswer) -> ConsoleAnswer {
    if problem.is_some() { with_status(page, StatusCode::BAD_REQUEST) } else { page }
}

/// The fields: the present password, and a code for those who have an authenticator app.
pub(super) async fn fields(site: &Site<'_>) -> Result<Markup, Refusal> {
    inputs(site, true).await
}

async fn inputs(site: &Site<'_>, is_required: bool) -> Result<Markup, Refusal> {
    let user = &site.session.user;
    let has_app = site.auth().has_second_factor(user.id).await?;
    Ok(html! {
        input type="hidden" autocomplete="username" value=(user.username.as_str());
        label { "Your present password"
            input type="password" name="own_password" autocomplete="current-password"
                required[is_required];
        }
        @if has_app { (code_field(is_required)) }
    })
}

/// A code, or what takes its place.
pub(super) fn code_field(is_required: bool) -> Markup {
    html! {
        label { "Code of the app, or a recovery code"
            input name="code" autocomplete="one-time-code" autocapitalize="none" spellcheck="false"
                maxlength="40" required[is_required];
        }
    }
}
