//! **authgate** puts accounts, expiring tokens and a guard in front of HTTP backends.
//!
//! It answers a few endpoints itself (`/api/register/`, `/api/login/`, `/api/logout/`,
//! `/api/logoutall/`), as Django REST framework with django-rest-knox does, has a console for operators
//! at `/admin/`, and forwards any other request to the app behind it, if the route's policy permits,
//! telling it who calls.
//!
//! # The way of a request
//!
//! ```text
//! bytes -> server::accept (a place, a worker) -> server::connection (PROXY protocol, TLS)
//! -> gateway::Guarded (a deadline for the head; an end with the token's) -> Pingora
//! -> gateway::Gateway::request_filter -> admit
//!   gateway::head          the head's rules; the target is read in one way        -> else 400
//!   policy::CleanPath      the path is cleaned; what has two readings             -> 400
//!   gateway::ConsoleMount  below the console's path? -> admin::Console::answer
//!   api::Endpoints::at     one of ours? -> api::answer -> auth::{register, login, logout}
//!   gateway::judge         where it leads, and whether it may pass:
//!   policy::RouteTable     host, longest path, headers, method -> Route           -> else 404
//!   api::Credentials       the Authorization header -> Token
//!   auth::authenticate     Token -> Identity, from memory, else by the store      -> else 401
//!   policy::decide         Route and Identity -> Permit                           -> else 401, 403
//! -> upstream_peer         no Permit, no upstream                (gateway::upstream)
//!                          (but for gate.mode = "shadow": policy::shadow)
//! -> upstream_request_filter   what a client must not say off, then   (gateway::outgoing)
//!                          where it comes from and who calls   (gateway::client, identity_headers)
//! -> logging               a line and the counters               (gateway::access_log, metrics)
//! ```
//!
//! # Where things are
//!
//! | What | Where |
//! | --- | --- |
//! | A refusal gets its words, status and headers | [`api::Problem`], in `api/drf.rs`, and nowhere else |
//! | A client of gRPC is refused in its own terms | `api/grpc.rs` |
//! | A body becomes fields | `api/form.rs` |
//! | A path is cleaned | [`policy::CleanPath`], in `policy/path.rs` |
//! | A token becomes an identity | [`auth::Auth::authenticate`], in `auth/authenticate.rs` |
//! | Memory, and what it must not hold | `auth/cache.rs`; it hears of changes by [`store::Store::watch`] |
//! | Identity headers are named and set | [`gateway::Identification`], in `gateway/identity_headers.rs` |
//! | What a login does to the store | [`auth::Auth::login`]: reads the user, hashes outside, then [`store::Store::issue_token`], which adds the token only if the user has not changed meanwhile |
//! | A password is hashed, or nobody waits for it | [`auth::HashPool`]; `auth/hash_queue.rs` says who is next |
//! | A hash of Django or `htpasswd` is read, and borne or not | `auth/hasher/encoded.rs`, `recipe.rs`; what it is called: [`auth::hash_kind`] |
//! | What a login costs for a name that nobody has | `auth/stand_ins.rs` |
//! | A token is found whose digest another program made | `auth/old_digests.rs` |
//! | A user changes their password | [`auth::Auth::change_password`], [`store::Store::replace_password`]; `store/redis/kept.rs` says which token has stayed |
//! | What may end tokens | [`model::user::UserChange::ends_tokens`], [`store::Store::revoke_token`], [`store::Store::revoke_tokens_of`] |
//! | What happens to accounts is told and kept | [`model::event::Event`]; `auth/events.rs` |
//! | What the stores promise | [`store::Store`]; SQLite and Redis, alone, by Sentinel and in a Cluster, obey one suite, `tests/it/store.rs` |
//! | Which Redis server is asked and followed | `store/redis/link.rs`, `cluster.rs`, `sentinel.rs`, `feed.rs` |
//! | What a silent server costs | `store/redis/connecting.rs`; [`store::Observed`] bounds and counts each call |
//! | Whether the store is well, and still the same | `auth/examine.rs`, `auth/epoch.rs` |
//! | What time it is, where clocks differ | `auth/store_clock.rs` |
//! | What stays ended although the store lost it | `auth/tombstones/`; no number of a user comes twice: `store/redis/scripts/next_user.lua` |
//! | Settings are read, and every mistake is told | [`config::Config::load`]; `conf/authgate.toml` lists them all |
//! | The console's pages | [`admin`], a file for each; who is let in: `auth/console/`; from the gateway it comes by [`gateway::Console`] |
//! | Someone is let in by an operator, who proves that it is them | [`auth::Proved`], which only `auth/console/proof.rs` makes |
//! | Programs do what the console does | `admin/api/`: one table of operations makes the router and the document of it |
//! | Small things of the console are kept | [`store::Item`]: sessions, keys, second factors |
//! | A store is saved, brought back, gone through and measured | [`store::whole`], by [`auth::WholeStore`]; `store/sqlite/archive.rs` is what a backup is, `store/redis/export.rs` and `import.rs` the ways between, `before.rs` what a restore that was stopped must still know |
//! | A source is kept, and taken over | `store/staging.rs`; who is the same person: `store/staging/verdict.rs`; how: `store/sqlite/land.rs`, `store/redis/land.rs` |
//! | A damaged file is refused | `store/sqlite/check.rs`, and `log.rs` for its log |
//! | A store is copied while gateways use it | `store/follow/`: a mirror of it tells what has changed since |
//! | Accounts of other programs are read, and written for them | [`moving`]: a row of whatever source becomes what is staged in `moving/row.rs`; [`store::staging`] keeps it until all is there |
//! | The command line | [`cli`], a file for each verb; it manages accounts by `auth/manage.rs` |
//! | Attempts are counted, and refused | `auth/limits/`; what a limit allows is [`model::limit::Rule`] |
//! | A request is judged, for the proxy and for `authgate explain` | `gateway/judge.rs` |
//! | Nothing is guarded yet, and it is told what would be | `gateway/shadow/`; [`policy::Passage`] is why a request may go on, [`auth::Auth::observe`] looks at a token without a trace |
//! | What browsers are told (CORS) | [`policy::Cors`]; `gateway/cors.rs` |
//! | What clients must not say is removed, and the app is told | `gateway/outgoing.rs` |
//! | A listener's certificates are chosen, and exchanged | [`server::tls::Certificates`] |
//! | A balancer tells whose connection it is | [`server::proxy_protocol`] |
//! | A server behind the gateway is chosen, and known to be up | `gateway/upstream/`: `balance.rs`, `server.rs`; `keep.rs` runs beside the requests |
//! | A connection is accepted, counted and given to a worker | `server/accept.rs`, `connections.rs`, `worker.rs` |
//! | Settings change while it runs | `server/reload.rs`: [`gateway::Gateway::apply`], [`auth::Auth::apply`] |
//! | Another process takes the listeners | [`server::handover`]; `server/stop.rs` ends what is left |
//! | A request or a connection is cut off | [`gateway::Guarded`], in `gateway/guard.rs` |
//! | The process starts, drains, and does its upkeep | [`server`] |
//!
//! # Who may use whom
//!
//! `main > cli > server > config > admin > gateway > api > auth > store > model > clock`; `moving` stands
//! on `auth`, and only `cli` on it; `policy` needs `model` alone and `metrics` nobody. `tests/layers.rs` holds everyone to it, and only `gateway`,
//! `server` and `cli` know Pingora. No part below `config` knows that a file exists: each has a
//! `Settings` of its own.

pub mod admin;
pub mod api;
pub mod auth;
pub mod cli;
pub mod clock;
pub mod config;
pub mod gateway;
pub mod metrics;
pub mod model;
pub mod moving;
pub mod policy;
pub mod server;
pub mod store;
