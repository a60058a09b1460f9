//! The networks that are allowed or denied, and the form for another one.

use super::{SPANS, Typed};
use crate::admin::page::{moment, moment_or};
use crate::admin::refusal::Refusal;
use crate::admin::site::Site;
use crate::auth::{AuthError, Ruling};
use crate::model::event::Actor;
use crate::model::network::{Exceptions, Network};
use ipnet::IpNet;
use maud::{Markup, html};

/// The networks, and the form for another one.
pub(in crate::admin::limits) async fn section(
    site: &Site<'_>,
    typed: &Typed,
    problem: Option<&str>,
) -> Result<Markup, Refusal> {
    let rulings = site.auth().rulings().await.map_err(AuthError::from)?;
    let file = site.auth().networks_of_file();
    Ok(html! {
        section aria-labelledby="networks" {
            h2 id="networks" { "Networks" }
            p.faint {
                "No limit holds for a network that is allowed; one that is denied gets nothing but \
                 refusals, from all gateways, within a second. The smallest network that holds an \
                 address counts."
            }
            @if let Some(problem) = problem { p.alert role="alert" { (problem) } }
            @if rulings.is_empty() && *file == Exceptions::default() {
                p.empty { "All networks are treated alike. Deny one below to stop whoever attacks from it." }
            } @else { (table(site, &rulings, &file)) }
            (form(site, typed))
        }
    })
}

fn table(site: &Site<'_>, rulings: &[Ruling], file: &Exceptions) -> Markup {
    let of_file = |networks: &[IpNet], is_denied| {
        let networks = networks.iter().copied();
        networks.map(move |network| (network, is_denied)).collect::<Vec<_>>()
    };
    let of_file = [of_file(&file.deny, true), of_file(&file.allow, false)].concat();
    html! {
        div.table {
            table.cards aria-label="Networks that are allowed or denied" {
                thead { tr {
                    @for head in ["Network", "State", "By", "Since", "Until", "Note"] {
                        th scope="col" { (head) }
                    }
                    th scope="col" { span.hidden { "What to do" } }
                } }
                tbody {
                    @for ruling in rulings { (row(site, ruling)) }
                    @for (network, is_denied) in of_file {
                        tr {
                            td data-label="Network" { code { (network) } }
                            td data-label="State" { (badge(is_denied)) }
                            td.faint data-label="By" colspan="5" {
                                span { "the settings file, " code { (if is_denied { "limits.deny" } else { "limits.allow" }) } }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn row(site: &Site<'_>, ruling: &Ruling) -> Markup {
    let Ruling { at, by, is_denied, network, note, until } = ruling;
    html! {
        tr {
            td data-label="Network" { code { (network) } }
            td data-label="State" { (badge(*is_denied)) }
            td data-label="By" {
                @if by == Actor::CommandLine.kind() { span.faint { "the command line" } }
                @else { bdi { (by) } }
            }
            td data-label="Since" { (moment(*at)) }
            td data-label="Until" { (moment_or(*until, "it is forgotten")) }
            td.long data-label="Note" { bdi { (note) } }
            td.acts {
                @let name: String = form_urlencoded::byte_serialize(network.to_string().as_bytes()).collect();
                a href=(site.link(&format!("/limits/networks/forget/?network={name}")))
                    aria-label=(format!("Forget {network}…")) { "Forget…" }
            }
        }
    }
}

fn badge(is_denied: bool) -> Markup {
    html! {
        @if is_denied { span.badge.bad { "denied" } } @else { span.badge.good { "allowed" } }
    }
}

fn form(site: &Site<'_>, typed: &Typed) -> Markup {
    let from = site.asked().from;
    let suggested = site.asked().query.get("network").unwrap_or_default();
    let network = if typed.network.is_empty() { suggested } else { &typed.network };
    let lasts = if typed.lasts.is_empty() { "1h" } else { &typed.lasts };
    html! {
        form.panel id="rule" method="get" action=(site.link("/limits/networks/")) {
            h3 { "Allow or deny a network" }
            div.row {
                label { "Address or network"
                    input.mono name="network" value=(network) required maxlength="64" autocomplete="off"
                        autocapitalize="none" spellcheck="false" placeholder="203.0.113.0/24";
                }
                label { "Treatment"
                    select name="treatment" {
                        option value="deny" selected[!typed.is_allow] { "deny" }
                        option value="allow" selected[typed.is_allow] { "allow: no limits" }
                    }
                }
                label { "For"
                    select name="for" {
                        @for (name, words, _) in SPANS {
                            option value=(name) selected[name == lasts] { (words) }
                        }
                    }
                }
                label { "Note"
                    input name="note" value=(typed.note) maxlength="120" autocomplete="off"
                        placeholder="why, for other operators";
                }
                button.primary { "Apply…" }
            }
            p.hint { "It is asked first whether that is meant. You come from " code { (Network::of(from)) } "." }
        }
    }
}
