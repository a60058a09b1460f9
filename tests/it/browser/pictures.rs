//! What is to be seen on the pictures of `docs`: a few hundred people, and a day of theirs.

use std::net::IpAddr;
use std::time::Duration;

use authgate::clock::Timestamp;
use authgate::model::email::Email;
use authgate::model::event::{Actor, Event, EventName};
use authgate::model::password::PasswordHash;
use authgate::model::token::{Token, TokenAbout, TokenRecord};
use authgate::model::user::{NewUser, Profile, User, Username};
use authgate::store::{Count, EventBounds, Inserted, NewToken, Series, Store, TokenUse};

use super::{Place, now};

const FIRST: [&str; 24] = [
    "ada",
    "alan",
    "barbara",
    "claude",
    "donald",
    "dorothy",
    "edsger",
    "emmy",
    "frances",
    "grace",
    "hedy",
    "ida",
    "joan",
    "john",
    "karen",
    "katherine",
    "ken",
    "leslie",
    "margaret",
    "mary",
    "niklaus",
    "radia",
    "sophie",
    "tim",
];
const LAST: [&str; 12] = [
    "abbott", "becker", "costa", "dubois", "eriksson", "fischer", "garcia", "hansen", "ito",
    "jansen", "kowalski", "lopez",
];
const AGENTS: [&str; 4] = [
    "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 19_1 like Mac OS X) AppleWebKit/605.1.15 Version/19.1",
    "okhttp/5.3.0",
    "curl/8.17.0",
];
const MINUTE: u64 = 60;
const DAY: u64 = 24 * 60 * MINUTE;
const BOUNDS: EventBounds = EventBounds { most: 100_000, since: Timestamp::from_micros(0) };

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "makes the pictures of docs/console.md: cargo test --test it pictures -- --ignored"]
async fn pictures() {
    let place = Place::on_sqlite();
    fill(place.store().as_ref()).await;
    place.run("screenshots.mjs", "pictures");
}

/// Numbers that look like chance, the same each time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }

    fn one_of(&mut self, all: &[&str]) -> String {
        let place = self.below(all.len() as u64);
        all[usize::try_from(place).unwrap()].to_owned()
    }

    fn address(&mut self) -> IpAddr {
        format!("198.51.100.{}", 1 + self.below(250)).parse().unwrap()
    }
}

async fn fill(store: &dyn Store) {
    let mut dice = Dice(6);
    let mut users = Vec::new();
    for last in LAST {
        for first in FIRST {
            users.push((dice.below(400 * DAY), format!("{first}.{last}")));
        }
    }
    // Who joined first has the smallest number.
    users.sort_by(|one, other| other.cmp(one));
    let mut events = Vec::new();
    for (age, name) in users {
        let user = add(store, &name, ago(age + DAY)).await;
        for _ in 0..dice.below(4) {
            events.extend(log_in(store, &mut dice, &user).await);
        }
    }
    events.sort_by_key(|event| event.at);
    store.keep_events(&events, BOUNDS).await.unwrap();
    store.add_counts(&counts(&mut dice)).await.unwrap();
}

async fn add(store: &dyn Store, name: &str, joined: Timestamp) -> User {
    let user = NewUser {
        email: Email::parse(&format!("{name}@example.org")).unwrap(),
        is_staff: false,
        joined,
        must_change: false,
        password: PasswordHash::new("$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHQ$aGFzaA".to_owned()),
        profile: Profile::default(),
        username: Username::parse(name).unwrap(),
    };
    match store.insert_user(user).await.unwrap() {
        Inserted::Done(user) => user,
        Inserted::NameTaken => panic!("{name} is taken"),
    }
}

/// A login of the last hours, after some that failed, and the use of its token.
async fn log_in(store: &dyn Store, dice: &mut Dice, user: &User) -> Vec<Event> {
    let age = 2 * MINUTE + dice.below(9 * 60 * MINUTE);
    let (at, from) = (ago(age), dice.address());
    let digest = Token::new(format!("{}-{age}", user.username)).digest();
    let about = TokenAbout {
        address: Some(from),
        user_agent: Some(dice.one_of(&AGENTS)),
        ..TokenAbout::default()
    };
    let record = TokenRecord {
        created: at,
        digest,
        epoch: user.epoch,
        expires: Some(at.plus(Duration::from_hours(10))),
        former: None,
        knox_key: None,
        user: user.id,
    };
    store.issue_token(NewToken { about, record, limit: None, is_login: true }).await.unwrap();
    let last_use = TokenUse { at: ago(dice.below(age)), digest, from, user: user.id };
    store.note_uses(&[last_use]).await.unwrap();
    let event = |name, at| Event::new(name, Actor::Client(from), at).of(user);
    let mut events = vec![event(EventName::LoginSucceeded, at)];
    if dice.below(6) == 0 {
        events.push(event(EventName::LoginFailed, ago(age + 20)));
    }
    events
}

/// What a day looks like: quiet at night, busy by day.
fn counts(dice: &mut Dice) -> Vec<Count> {
    let mut counts = Vec::new();
    for age in 0..24 * 60 {
        let at = ago(age * MINUTE);
        let minute = Timestamp::from_micros(at.micros() - at.micros() % 60_000_000);
        let of_day = u64::try_from(at.micros() / 60_000_000).unwrap() % (24 * 60);
        // From 1 at three in the morning to 12 at three in the afternoon.
        let busy = 1 + of_day.abs_diff(3 * 60).min((27 * 60) - of_day) / 65;
        let attack = if (200..215).contains(&age) { 40 } else { 0 };
        for (series, number) in [
            (Series::LoginsOk, dice.below(busy / 2 + 1)),
            (Series::LoginsFailed, dice.below(busy / 4 + 1) + dice.below(attack + 1)),
            (Series::Requests(2), 8 * busy + dice.below(20 * busy)),
            (Series::Requests(3), dice.below(2 * busy)),
            (Series::Requests(4), dice.below(busy) + attack),
            (Series::Requests(5), u64::from(dice.below(90) == 0)),
            (Series::Unauthorized, dice.below(busy) + attack),
            (Series::Forbidden, dice.below(busy / 4 + 1)),
            (Series::Throttled, attack / 2),
        ] {
            counts.push(Count { minute, number, series });
        }
    }
    counts
}

fn ago(seconds: u64) -> Timestamp {
    now().minus(Duration::from_secs(seconds))
}
