//! The steps that must not be torn apart: each touches the keys of a single slot.

use redis::Script;

/// The scripts, each sent by its hash and loaded when the server does not know it.
pub(super) struct Scripts {
    pub(super) add_item: Script,
    pub(super) change_password: Script,
    pub(super) change_user: Script,
    pub(super) delete_other: Script,
    pub(super) drop_name: Script,
    pub(super) end_tokens: Script,
    pub(super) extend_token: Script,
    pub(super) give_back: Script,
    pub(super) issue_token: Script,
    pub(super) keep_token: Script,
    pub(super) page: Script,
    pub(super) release_lock: Script,
    pub(super) replace_item: Script,
    pub(super) take: Script,
    pub(super) take_lock: Script,
    pub(super) take_name: Script,
}

impl Scripts {
    pub(super) fn new() -> Self {
        Self {
            add_item: Script::new(include_str!("scripts/add_item.lua")),
            change_password: Script::new(include_str!("scripts/change_password.lua")),
            change_user: Script::new(include_str!("scripts/change_user.lua")),
            delete_other: Script::new(include_str!("scripts/delete_other.lua")),
            drop_name: Script::new(include_str!("scripts/drop_name.lua")),
            end_tokens: Script::new(include_str!("scripts/end_tokens.lua")),
            extend_token: Script::new(include_str!("scripts/extend_token.lua")),
            give_back: Script::new(include_str!("scripts/give_back.lua")),
            issue_token: Script::new(include_str!("scripts/issue_token.lua")),
            keep_token: Script::new(include_str!("scripts/keep_token.lua")),
            page: Script::new(include_str!("scripts/page.lua")),
            release_lock: Script::new(include_str!("scripts/release_lock.lua")),
            replace_item: Script::new(include_str!("scripts/replace_item.lua")),
            take: Script::new(include_str!("scripts/take.lua")),
            take_lock: Script::new(include_str!("scripts/take_lock.lua")),
            take_name: Script::new(include_str!("scripts/take_name.lua")),
        }
    }
}
