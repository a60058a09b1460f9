//! What is going on, in numbers, and what an operator should look at first: as far as the store and
//! the listeners tell it, so that the command line can, too.

use super::{Auth, History, LimitsShown, ManageError, Tallies};
use crate::auth::AuthError;
use crate::clock::Timestamp;
use crate::metrics::ShownCertificate;
use crate::store::{Census, Inspection, Series, StoreError};
use schemars::JsonSchema;
use serde::Serialize;
use std::fmt;
use std::time::Duration;

/// What is going on. Each part tells what it can: what one cannot tell hides nothing of the others.
pub struct Overview {
    /// When it was.
    pub at: Timestamp,
    /// How many users and tokens there are.
    pub census: Result<Census, StoreError>,
    /// What listeners show their clients.
    pub certificates: Vec<ShownCertificate>,
    /// When the store was found to be another one than before, if it was.
    pub epoch_changed: Option<Timestamp>,
    /// What was counted.
    pub history: Result<History, StoreError>,
    /// How the store is.
    pub inspection: Result<Inspection, StoreError>,
    /// What counts against limits, in numbers alone.
    pub limits: Result<LimitsShown, ManageError>,
    /// How many operators have no authenticator app.
    pub without_totp: Result<usize, StoreError>,
}

/// Something that needs attention, in words.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Concern {
    /// Whether something is wrong already.
    pub is_bad: bool,
    /// What it is about.
    pub about: Matter,
    /// What to say.
    pub words: String,
}

impl Concern {
    /// That the settings have nothing guarded.
    pub fn unguarded() -> Self {
        let words =
            "Nothing is guarded: gate.mode is \"shadow\", and every request passes as it came.";
        Self { is_bad: true, about: Matter::Settings, words: words.to_owned() }
    }
}

/// What a concern is about.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Matter {
    /// What listeners show their clients.
    Certificates,
    /// What the settings say.
    Settings,
    /// That logins fail.
    Logins,
    /// That someone is refused.
    Limits,
    /// How operators sign in.
    Operators,
    /// How the store is.
    Store,
}

/// How often something happened.
#[derive(Clone, Copy, Debug, Eq, JsonSchema, PartialEq, Serialize)]
pub struct Counts {
    /// Logins that succeeded, also at the console.
    pub logins_ok: u64,
    /// Logins that failed.
    pub logins_failed: u64,
    /// Requests that were answered so.
    pub requests_2xx: u64,
    /// Requests that were answered so.
    pub requests_3xx: u64,
    /// But for those that are told below.
    pub requests_4xx: u64,
    /// Without a good token.
    pub requests_401: u64,
    /// Without the right.
    pub requests_403: u64,
    /// By a limit.
    pub requests_429: u64,
    /// Requests that were answered so.
    pub requests_5xx: u64,
}

impl Counts {
    /// What these tell.
    pub fn of(tallies: &Tallies) -> Self {
        Self {
            logins_ok: tallies.of(Series::LoginsOk),
            logins_failed: tallies.of(Series::LoginsFailed),
            requests_2xx: tallies.of(Series::Requests(2)),
            requests_3xx: tallies.of(Series::Requests(3)),
            requests_4xx: tallies.of(Series::Requests(4)),
            requests_401: tallies.of(Series::Unauthorized),
            requests_403: tallies.of(Series::Forbidden),
            requests_429: tallies.of(Series::Throttled),
            requests_5xx: tallies.of(Series::Requests(5)),
        }
    }

    /// How many requests there were.
    pub fn requests(&self) -> u64 {
        let refused = self.requests_401 + self.requests_403 + self.requests_429;
        let answered = self.requests_2xx + self.requests_3xx + self.requests_4xx;
        answered + refused + self.requests_5xx
    }
}

impl Auth {
    /// What is going on.
    pub async fn overview(&self) -> Overview {
        let (inspection, census, history, limits, without_totp) = tokio::join!(
            self.inspect(),
            self.census(),
            self.history(),
            self.limits_shown(0),
            self.operators_without_totp(),
        );
        let (at, certificates) = (self.clock.now(), self.metrics.certificates());
        let epoch_changed = self.epoch.changed();
        Overview {
            at,
            census,
            certificates,
            epoch_changed,
            history,
            inspection,
            limits,
            without_totp,
        }
    }
}

impl Overview {
    /// What an operator should look at, as far as this tells it: the worst first.
    pub fn concerns(&self) -> Vec<Concern> {
        let mut concerns = Vec::new();
        concerns.extend(self.epoch_changed.map(of_epoch));
        match &self.inspection {
            Ok(inspection) => {
                concerns.extend(inspection.warnings.iter().map(|text| look(Matter::Store, text)));
            }
            Err(error) => concerns.push(Concern {
                is_bad: true,
                about: Matter::Store,
                words: format!("The store cannot be examined: {error}."),
            }),
        }
        let expires = |certificate| of_certificate(certificate, self.at);
        concerns.extend(self.certificates.iter().filter_map(expires));
        concerns.extend(self.history.as_ref().ok().and_then(of_logins));
        let refused = self.limits.as_ref().map_or(0, |limits| limits.refused);
        let one = "One limit refuses someone now.";
        concerns.extend(numbered(refused, one, "limits refuse someone now.", Matter::Limits));
        let one = "One operator signs in by a password alone, without an authenticator app.";
        let more = "operators sign in by a password alone, without an authenticator app.";
        let without = *self.without_totp.as_ref().unwrap_or(&0);
        concerns.extend(numbered(without, one, more, Matter::Operators));
        concerns.sort_by_key(|concern| !concern.is_bad);
        concerns
    }

    /// Why nothing of it can be told, if so.
    pub fn outage(self) -> Option<AuthError> {
        match (self.census, self.history) {
            (Err(error), Err(_)) => Some(error.into()),
            _ => None,
        }
    }
}

fn of_epoch(changed: Timestamp) -> Concern {
    let words = format!(
        "The store was emptied, or another one was put in its place, at {changed}: who was signed in \
         then is not any more."
    );
    Concern { is_bad: true, about: Matter::Store, words }
}

fn look(about: Matter, words: impl Into<String>) -> Concern {
    Concern { is_bad: false, about, words: words.into() }
}

fn numbered(count: usize, one: &str, more: &str, about: Matter) -> Option<Concern> {
    match count {
        0 => None,
        1 => Some(look(about, one)),
        count => Some(look(about, format!("{count} {more}"))),
    }
}

/// A certificate that has expired, or will before it is sure that someone looks here again.
fn of_certificate(certificate: &ShownCertificate, now: Timestamp) -> Option<Concern> {
    const DAY: Duration = Duration::from_hours(24);
    const SOON: Duration = Duration::from_hours(14 * 24);
    const VERY_SOON: Duration = Duration::from_hours(3 * 24);
    let expires = Timestamp::from_micros(certificate.expires.saturating_mul(1_000_000));
    let left = expires.since(now);
    if left > SOON {
        return None;
    }
    let when = match left.as_secs() / DAY.as_secs() {
        _ if left.is_zero() => "has expired".to_owned(),
        0 => "expires within a day".to_owned(),
        1 => "expires in a day".to_owned(),
        days => format!("expires in {days} days"),
    };
    let ShownCertificate { file, listener, .. } = certificate;
    let words = format!("The certificate {file} of the listener {listener} {when}.");
    Some(Concern { is_bad: left <= VERY_SOON, about: Matter::Certificates, words })
}

fn of_logins(history: &History) -> Option<Concern> {
    /// As few are nothing to speak of.
    const FEW: u64 = 20;
    let now = Tallies::sum(&history.hour).of(Series::LoginsFailed);
    let before = history.hour_before.of(Series::LoginsFailed);
    (now > FEW && now > before.saturating_mul(3)).then(|| {
        let (now, before) = (Grouped(now), Grouped(before));
        let hours = "logins failed within the last hour";
        look(Matter::Logins, format!("{now} {hours}, after {before} the hour before."))
    })
}

/// A number with its thousands apart.
#[derive(Clone, Copy, Debug)]
pub struct Grouped(pub u64);

impl fmt::Display for Grouped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.0.to_string();
        for (place, digit) in digits.chars().enumerate() {
            if place > 0 && (digits.len() - place).is_multiple_of(3) {
                f.write_str("\u{202f}")?;
            }
            write!(f, "{digit}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_is_told_of_in_good_time() {
        const DAY: i64 = 24 * 60 * 60;
        let told = |expires| {
            let listener = "192.0.2.1:443".parse().unwrap();
            let certificate = ShownCertificate { expires, file: "a.pem".to_owned(), listener };
            of_certificate(&certificate, Timestamp::from_micros(0))
        };
        assert_eq!(told(14 * DAY + 1), None);
        for (expires, is_bad, when) in [
            (14 * DAY, false, "expires in 14 days"),
            (3 * DAY + 1, false, "expires in 3 days"),
            (3 * DAY, true, "expires in 3 days"),
            (2 * DAY - 1, true, "expires in a day"),
            (1, true, "expires within a day"),
            (0, true, "has expired"),
            (-DAY, true, "has expired"),
        ] {
            let words = format!("The certificate a.pem of the listener 192.0.2.1:443 {when}.");
            let concern = Concern { is_bad, about: Matter::Certificates, words };
            assert_eq!(told(expires), Some(concern));
        }
    }

    #[test]
    fn many_more_failed_logins_than_the_hour_before_are_told() {
        let failed = |number| Tallies::of_these(&[(Series::LoginsFailed, number)]);
        let history = |now, before| {
            let start = Timestamp::from_micros(0);
            let hour = vec![crate::auth::Span { tallies: failed(now), start }];
            History { day: Vec::new(), hour, hour_before: failed(before) }
        };
        assert_eq!(of_logins(&history(20, 0)), None);
        assert_eq!(of_logins(&history(90, 30)), None);
        let concern = of_logins(&history(1_091, 30)).unwrap();
        assert!(concern.words.starts_with("1\u{202f}091 logins failed"), "{}", concern.words);
    }
}
