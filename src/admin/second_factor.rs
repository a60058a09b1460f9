//! `/account/totp/`: an operator's own authenticator app.

use super::page::{self, Nav, with_status};
use super::proof;
use super::refusal::Refusal;
use super::site::Site;
use crate::auth::{Confirmed, Enrolment, RecoveryCodes};
use crate::gateway::ConsoleAnswer;
use http::StatusCode;
use maud::{Markup, html};
use qrcode::{Color, EcLevel, QrCode};
use std::fmt::Write;

/// What the account page says of it, where so many recovery codes are left.
pub(super) fn summary(site: &Site<'_>, codes_left: Option<usize>) -> Markup {
    html! {
        @match codes_left {
            None => {
                p { "Off. With it on, a password alone opens nothing here." }
                a.button href=(site.link("/account/totp/")) { "Set it up" }
            }
            Some(left) => {
                p { span.badge.good { "on" } " "
                    @if left < 3 { span.warn { (left) " recovery codes are left" } }
                    @else { (left) " recovery codes are left" }
                }
                div.row {
                    a.button href=(site.link("/account/totp/codes/")) { "New recovery codes" }
                    a.button href=(site.link("/account/totp/off/")) { "Turn it off" }
                }
            }
        }
    }
}

/// `/account/totp/`: how it begins, and by POST the secret.
pub(super) async fn answer(site: &Site<'_>) -> Result<ConsoleAnswer, Refusal> {
    let user = &site.session.user;
    if site.auth().has_second_factor(user.id).await? {
        return Ok(page::redirect(&site.link("/account/")));
    }
    if site.asked().is_read() {
        return begin_page(site, None).await;
    }
    match proof::check(site, true, &site.form()?).await? {
        Ok(proved) => {
            let enrolment = site.auth().begin_second_factor(user, proved).await?;
            Ok(secret_page(site, &enrolment))
        }
        Err(words) => {
            let page = begin_page(site, Some(words)).await?;
            Ok(with_status(page, StatusCode::BAD_REQUEST))
        }
    }
}

async fn begin_page(site: &Site<'_>, problem: Option<&str>) -> Result<ConsoleAnswer, Refusal> {
    let body = html! {
        section.panel {
            @if let Some(problem) = problem { p.alert role="alert" { (problem) } }
            @if site.settings().require_totp {
                p.notice { "Here everyone who signs in needs an authenticator app. Set yours up to \
                            go on." }
            }
            p { "An app on your phone, such as Aegis, FreeOTP or Google Authenticator, shows a new \
                 code every 30 seconds. Once it is set up, you type one each time you sign in." }
            form.stack method="post" {
                (site.form_key())
                (proof::fields(site).await?)
                button.primary { "Show the QR code" }
            }
        }
    };
    Ok(site.page(Nav::None, "Authenticator app", &body))
}

fn secret_page(site: &Site<'_>, enrolment: &Enrolment) -> ConsoleAnswer {
    let groups: Vec<_> =
        enrolment.secret.as_bytes().chunks(4).map(String::from_utf8_lossy).collect();
    let body = html! {
        section.panel {
            ol.steps {
                li { "Scan this with the app, or type the key into it."
                    @if let Some(code) = qr_code(&enrolment.url) { (code) }
                    p { "Key: " code.secret id="totp-secret" { (groups.join(" ")) } }
                }
                li { "Type the code that it shows." (confirm_form(site)) }
            }
            p.hint { "The key is shown this once, and does not count until a code confirms it." }
        }
    };
    site.page(Nav::None, "Authenticator app", &body)
}

fn confirm_form(site: &Site<'_>) -> Markup {
    html! {
        form.row method="post" action=(site.link("/account/totp/confirm/")) {
            (site.form_key())
            label { "Code"
                input name="code" autocomplete="one-time-code" inputmode="numeric" size="8"
                    maxlength="9" required autofocus;
            }
            button.primary { "Turn it on" }
        }
    }
}

/// `/account/totp/confirm/`
pub(super) async fn confirm(site: &Site<'_>) -> Result<ConsoleAnswer, Refusal> {
    if site.asked().is_read() {
        return Ok(page::redirect(&site.link("/account/totp/")));
    }
    let form = site.form()?;
    let code = form.get("code").unwrap_or_default();
    let again = html! { a href=(site.link("/account/totp/")) { "Begin again with a new key" } };
    let body = match site
        .auth()
        .confirm_second_factor(&site.session.user, code, site.actor())
        .await?
    {
        Confirmed::Done(codes) => {
            return Ok(codes_page(site, "The authenticator app is set up", &codes));
        }
        Confirmed::Over => html! {
            p.alert role="alert" { "This key does not hold any more." }
            p { (again) }
        },
        Confirmed::Wrong => html! {
            p.alert role="alert" { "This is not the code that the app should show now. Is the clock of \
                                    your phone right?" }
            (confirm_form(site))
            p.hint { (again) }
        },
    };
    let body = html! { section.panel { (body) } };
    Ok(with_status(site.page(Nav::None, "Authenticator app", &body), StatusCode::BAD_REQUEST))
}

fn codes_page(site: &Site<'_>, title: &str, codes: &RecoveryCodes) -> ConsoleAnswer {
    let lines: Vec<&str> = codes.0.iter().map(|code| code.as_str()).collect();
    let body = html! {
        section.panel {
            p.notice { "These recovery codes are shown this once. Keep them where your phone is not: each \
                        takes the place of the app one time." }
            pre.secret id="codes" { (lines.join("\n")) }
            div.row {
                button type="button" data-copies="codes" hidden { "Copy" }
                a.button.primary href=(site.link("/account/")) { "I have kept them" }
            }
        }
    };
    site.page(Nav::None, title, &body)
}

/// `/account/totp/codes/`
pub(super) async fn renew_codes(site: &Site<'_>) -> Result<ConsoleAnswer, Refusal> {
    let user = &site.session.user;
    if !site.auth().has_second_factor(user.id).await? {
        return Ok(page::redirect(&site.link("/account/")));
    }
    if site.asked().is_read() {
        return renew_page(site, None).await;
    }
    match proof::check(site, true, &site.form()?).await? {
        Ok(proved) => Ok(match site.auth().renew_recovery_codes(user, proved).await? {
            Some(codes) => codes_page(site, "New recovery codes", &codes),
            None => page::redirect(&site.link("/account/")),
        }),
        Err(words) => {
            let page = renew_page(site, Some(words)).await?;
            Ok(with_status(page, StatusCode::BAD_REQUEST))
        }
    }
}

async fn renew_page(site: &Site<'_>, problem: Option<&str>) -> Result<ConsoleAnswer, Refusal> {
    let body = html! {
        section.panel {
            @if let Some(problem) = problem { p.alert role="alert" { (problem) } }
            p { "The codes that you have now will be void." }
            form.stack method="post" {
                (site.form_key())
                (proof::fields(site).await?)
                div.row {
                    button.primary { "Make new recovery codes" }
                    a.button href=(site.link("/account/")) { "Cancel" }
                }
            }
        }
    };
    Ok(site.page(Nav::None, "New recovery codes", &body))
}

/// `/account/totp/off/`
pub(super) async fn turn_off(site: &Site<'_>) -> Result<ConsoleAnswer, Refusal> {
    let user = &site.session.user;
    if !site.auth().has_second_factor(user.id).await? {
        return Ok(page::redirect(&site.link("/account/")));
    }
    if site.asked().is_read() {
        return off_page(site, None).await;
    }
    match proof::check(site, true, &site.form()?).await? {
        Ok(proved) => {
            site.auth().reset_second_factor(user, proved).await?;
            Ok(page::redirect(&site.link("/account/")))
        }
        Err(words) => {
            let page = off_page(site, Some(words)).await?;
            Ok(with_status(page, StatusCode::BAD_REQUEST))
        }
    }
}

async fn off_page(site: &Site<'_>, problem: Option<&str>) -> Result<ConsoleAnswer, Refusal> {
    let body = html! {
        section.panel {
            @if let Some(problem) = problem { p.alert role="alert" { (problem) } }
            p { "From then on your password alone signs you in. Your recovery codes will be void." }
            form.stack method="post" {
                (site.form_key())
                (proof::fields(site).await?)
                div.row {
                    button.danger { "Turn the authenticator app off" }
                    a.button href=(site.link("/account/")) { "Cancel" }
                }
            }
        }
    };
    Ok(site.page(Nav::None, "Turn the authenticator app off", &body))
}

/// A text as a picture that apps scan: dark on light in every scheme. `None` if it is too long.
fn qr_code(text: &str) -> Option<Markup> {
    /// The blank margin that scanners want.
    const MARGIN: usize = 4;
    let code = QrCode::with_error_correction_level(text, EcLevel::L).ok()?;
    let (width, colors) = (code.width(), code.to_colors());
    let mut path = String::new();
    for (row, modules) in colors.chunks(width).enumerate() {
        for (column, _) in modules.iter().enumerate().filter(|(_, color)| **color == Color::Dark) {
            let (x, y) = (column + MARGIN, row + MARGIN);
            write!(path, "M{x} {y}h1v1h-1z").ok()?;
        }
    }
    let whole = width + 2 * MARGIN;
    Some(html! {
        svg.qr role="img" aria-label="The key as a QR code" viewBox=(format!("0 0 {whole} {whole}"))
            shape-rendering="crispEdges" {
            rect width=(whole) height=(whole) fill="#fff" {}
            path d=(path) fill="#000" {}
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_has_no_style_of_its_own_and_says_what_it_is() {
        let picture = qr_code("otpauth://totp/authgate:ada?secret=ABC").unwrap().into_string();
        assert!(picture.starts_with("<svg class=\"qr\" role=\"img\" aria-label=\"The key"));
        assert!(!picture.contains("style"), "{picture}");
    }

    #[test]
    fn the_longest_name_fits_into_a_picture() {
        let name = "%F0%90%90%80".repeat(150);
        assert!(
            qr_code(&format!("otpauth://totp/authgate:{name}?secret={}", "A".repeat(32))).is_some()
        );
    }
}
