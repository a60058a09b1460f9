//! What the pieces of a request's way cost, each by itself: `cargo bench --bench pieces`.

#![expect(clippy::unwrap_used, reason = "a benchmark that cannot be made ready ends")]

use authgate::api::Credentials;
use authgate::auth::{
    Argon2Hasher, Auth, CacheSettings, EventSettings, HashCost, Lifetime, Parts, Proved,
};
use authgate::auth::{
    LimitSettings, NewRights, NewTokenTerms, PasswordChecks, Registration, Settings, TokenSettings,
};
use authgate::clock::SystemClock;
use authgate::gateway::{Identification, IdentityHeaders};
use authgate::model::email::Email;
use authgate::model::identity::{Identity, Names};
use authgate::model::limit::{Quota, Subject};
use authgate::model::network::Exceptions;
use authgate::model::password::Password;
use authgate::model::token::Token;
use authgate::model::user::{UserId, Username};
use authgate::policy::{Access, CleanPath, Question, Route, RouteTable};
use authgate::store::sqlite::SqliteStore;
use criterion::{Criterion, criterion_group, criterion_main};
use futures_util::FutureExt;
use http::{HeaderMap, HeaderName, Method};
use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Runtime;

criterion_group!(pieces, paths, credentials, digests, memory, limits, routes, identity_headers);
criterion_main!(pieces);

const CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

fn paths(criterion: &mut Criterion) {
    for (name, path) in [("plain", "/api/orders/1234/items"), ("escaped", "/a%20b/%7euser/%C3%A9")]
    {
        let parse = || CleanPath::parse(black_box(path));
        criterion.bench_function(&format!("path, {name}"), |bencher| bencher.iter(parse));
    }
}

fn credentials(criterion: &mut Criterion) {
    let value = format!("Token {}", text());
    criterion.bench_function("Authorization header", |bencher| {
        bencher.iter(|| Credentials::parse(black_box(Some(value.as_bytes())), "Token"));
    });
}

fn digests(criterion: &mut Criterion) {
    let token = Token::new(text());
    criterion.bench_function("digest of a token", |bencher| {
        bencher.iter(|| black_box(&token).digest());
    });
}

/// A token's text as it is issued.
fn text() -> String {
    "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08".to_owned()
}

fn memory(criterion: &mut Criterion) {
    let runtime = Runtime::new().unwrap();
    let _entered = runtime.enter();
    let folder = tempfile::tempdir().unwrap();
    let auth = Arc::new(open(&folder.path().join("bench.db")));
    let follower = Arc::clone(&auth);
    runtime.spawn(async move { follower.follow_store().await });
    let token = runtime.block_on(async {
        let registration = Registration {
            email: Email::parse("ada@example.com").unwrap(),
            password: Password::new("correct horse battery staple".to_owned()),
            username: Username::parse("ada").unwrap(),
        };
        let user = auth
            .create_user(registration, NewRights::default(), Proved::command_line())
            .await
            .unwrap();
        let terms = NewTokenTerms { lifetime: Lifetime::Forever, name: None };
        auth.create_token(user, terms, Proved::command_line()).await.unwrap().token
    });
    // The first asks the store; a later one, once the feed is heard, does not.
    while auth.identify(&token, CLIENT).now_or_never().is_none() {
        runtime.block_on(auth.identify(&token, CLIENT)).unwrap();
    }
    criterion.bench_function("token in memory", |bencher| {
        bencher.iter(|| auth.identify(black_box(&token), CLIENT).now_or_never());
    });
}

fn open(file: &std::path::Path) -> Auth {
    let cost = HashCost { iterations: 1, memory_kib: 64, parallelism: 1 };
    let parts = Parts {
        clock: Arc::new(SystemClock),
        hasher: Arc::new(Argon2Hasher::new(cost).unwrap()),
        metrics: Arc::default(),
        store: Arc::new(SqliteStore::open(file).unwrap()),
    };
    let tokens =
        TokenSettings { lifetime: None, limit: None, prefix: String::new(), refresh: None };
    let (common, length, numeric, similarity) = (false, false, false, false);
    let password_checks = PasswordChecks { common, length, min_length: 8, numeric, similarity };
    let settings = Settings {
        cache: CacheSettings {
            feed_timeout: Duration::from_secs(1),
            outage_grace: Duration::ZERO,
            size: 1 << 20,
        },
        events: EventSettings { keep: Duration::from_hours(1), most: 0 },
        hashing: cost,
        password_checks,
        limits: LimitSettings { enabled: true, ..LimitSettings::off() },
        hash_threads: 1,
        imported_memory: Argon2Hasher::ROOM,
        refuse_look_alikes: true,
        registration_open: true,
        tokens,
    };
    Auth::new(parts, settings).unwrap()
}

/// What limits cost a request that they let pass: the look whether its client is denied, which is for
/// all, and the count, which is for routes of a class alone.
fn limits(criterion: &mut Criterion) {
    let denied = |hosts: u8| Exceptions {
        allow: vec![],
        deny: (0..hosts).map(|host| format!("198.18.{host}.0/24").parse().unwrap()).collect(),
    };
    for number in [0, 100] {
        let exceptions = denied(number);
        criterion.bench_function(&format!("client, {number} networks denied"), |bencher| {
            bencher.iter(|| exceptions.treatment(black_box(CLIENT)));
        });
    }
    let folder = tempfile::tempdir().unwrap();
    let auth = open(&folder.path().join("bench.db"));
    let class: Arc<str> = "api".into();
    // More than a benchmark can take, so that none is refused.
    let quota = Quota { count: NonZeroU32::MAX, period: Duration::from_hours(1) };
    for number in [1, 100_000] {
        let mut users = (1..=number).cycle();
        criterion.bench_function(&format!("request counted, of {number} users"), |bencher| {
            bencher.iter(|| {
                let subject = Subject::User(UserId(users.next().unwrap()));
                let counted = auth.count_request(&class, quota, black_box(subject), CLIENT);
                counted.now_or_never().unwrap().unwrap().unwrap()
            });
        });
    }
}

fn routes(criterion: &mut Criterion) {
    let headers = HeaderMap::new();
    for number in [10, 10_000] {
        let table = RouteTable::new((0..number).map(route).collect()).unwrap();
        // Another one each time, as clients ask.
        let paths: Vec<_> = (0..number).map(|n| format!("/app/{n}/orders/17")).collect();
        let paths: Vec<_> = paths.iter().map(|path| CleanPath::parse(path).unwrap()).collect();
        let mut paths = paths.iter().cycle();
        criterion.bench_function(&format!("route among {number}"), |bencher| {
            bencher.iter(|| {
                let question = Question {
                    announced: None,
                    headers: &headers,
                    host: black_box("gate.example.com"),
                    method: &Method::GET,
                    path: paths.next().unwrap(),
                };
                table.find(&question)
            });
        });
    }
}

fn route(number: usize) -> Route {
    let path = format!("/app/{number}");
    Route { access: Access::User, path, upstream: Some(0), ..Route::default() }
}

fn identity_headers(criterion: &mut Criterion) {
    let [email, staff, user, user_id] =
        ["x-auth-email", "x-auth-staff", "x-auth-user", "x-auth-user-id"]
            .map(HeaderName::from_static);
    let identification = Identification::new(IdentityHeaders { email, staff, user, user_id });
    let caller = Identity {
        epoch: 0,
        is_staff: false,
        lasts: None,
        must_change: false,
        names: Names::new("ada", "ada@example.com"),
        user: UserId(7),
    };
    criterion.bench_function("identity headers", |bencher| {
        let headers = || HeaderMap::with_capacity(16);
        let set = |mut headers: HeaderMap| identification.set(&mut headers, black_box(&caller));
        bencher.iter_batched(headers, set, criterion::BatchSize::SmallInput);
    });
}
