//! The steps that must not be torn apart: each touches the keys of a single slot.

use super::request::Call;
use redis::{Cmd, Script, ToRedisArgs};

/// The scripts, each sent by its hash and loaded when the server does not know it.
pub(super) struct Scripts {
    pub(super) add_item: Step,
    pub(super) add_user: Step,
    pub(super) arrive: Step,
    pub(super) arrived: Step,
    pub(super) change_password: Step,
    pub(super) change_user: Step,
    pub(super) delete_user: Step,
    pub(super) drop_arrival: Step,
    pub(super) drop_name: Step,
    pub(super) end_tokens: Step,
    pub(super) exchange_token: Step,
    pub(super) give_back: Step,
    pub(super) issue_token: Step,
    pub(super) next_user: Step,
    pub(super) page: Step,
    pub(super) raise: Step,
    pub(super) release_lock: Step,
    pub(super) renew_lock: Step,
    pub(super) replace_item: Step,
    pub(super) replace_token: Step,
    pub(super) take: Step,
    pub(super) take_lock: Step,
    pub(super) take_name: Step,
}

/// A script.
pub(super) struct Step {
    code: &'static str,
    script: Script,
}

impl Step {
    fn new(code: &'static str) -> Self {
        Self { code, script: Script::new(code) }
    }

    /// A call without keys and arguments yet.
    pub(super) fn call(&self) -> Call<'_> {
        Call::of(&self.script)
    }

    /// A call with one key, as one of many that are sent together: the server must know the script.
    pub(super) fn command(&self, key: &str, arguments: &[&str]) -> Cmd {
        let mut command = redis::cmd("EVALSHA");
        command.arg(self.script.get_hash()).arg(1).arg(key).arg(arguments);
        command
    }

    /// What has a server know the script.
    pub(super) fn load(&self) -> Cmd {
        let mut load = redis::cmd("SCRIPT");
        load.arg("LOAD").arg(self.code);
        load
    }

    /// A call with its first key.
    pub(super) fn key(&self, key: impl ToRedisArgs) -> Call<'_> {
        let mut call = self.call();
        call.key(key);
        call
    }
}

impl Scripts {
    pub(super) fn new() -> Self {
        Self {
            add_item: Step::new(include_str!("scripts/add_item.lua")),
            add_user: Step::new(include_str!("scripts/add_user.lua")),
            arrive: Step::new(include_str!("scripts/arrive.lua")),
            arrived: Step::new(include_str!("scripts/arrived.lua")),
            change_password: Step::new(include_str!("scripts/change_password.lua")),
            change_user: Step::new(include_str!("scripts/change_user.lua")),
            delete_user: Step::new(include_str!("scripts/delete_user.lua")),
            drop_arrival: Step::new(include_str!("scripts/drop_arrival.lua")),
            drop_name: Step::new(include_str!("scripts/drop_name.lua")),
            end_tokens: Step::new(include_str!("scripts/end_tokens.lua")),
            exchange_token: Step::new(include_str!("scripts/exchange_token.lua")),
            give_back: Step::new(include_str!("scripts/give_back.lua")),
            issue_token: Step::new(include_str!("scripts/issue_token.lua")),
            next_user: Step::new(include_str!("scripts/next_user.lua")),
            page: Step::new(include_str!("scripts/page.lua")),
            raise: Step::new(include_str!("scripts/raise.lua")),
            release_lock: Step::new(include_str!("scripts/release_lock.lua")),
            renew_lock: Step::new(include_str!("scripts/renew_lock.lua")),
            replace_item: Step::new(include_str!("scripts/replace_item.lua")),
            replace_token: Step::new(include_str!("scripts/replace_token.lua")),
            take: Step::new(include_str!("scripts/take.lua")),
            take_lock: Step::new(include_str!("scripts/take_lock.lua")),
            take_name: Step::new(include_str!("scripts/take_name.lua")),
        }
    }
}
