//! `authgate user list`

use super::super::{Failure, SettingsFile, output};
use super::row;
use crate::auth::{Auth, csv_head, csv_row};
use crate::model::event::{Actor, EventName};
use crate::store::{ListedUser, UserColumn, UserOrder, UserQuery};
use clap::{Args, ValueEnum};

#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
#[derive(Args)]
pub(in crate::cli) struct List {
    #[command(flatten)]
    settings: SettingsFile,
    /// Only those whose name or address begins so
    #[arg(long, value_name = "TEXT")]
    search: Option<String>,
    /// Only staff, or only others
    #[arg(long, value_name = "yes|no")]
    staff: Option<YesNo>,
    /// Only those who may log in, or only those who may not
    #[arg(long, value_name = "yes|no")]
    active: Option<YesNo>,
    /// In which order
    #[arg(long, value_name = "COLUMN", default_value = "joined")]
    sort: Column,
    /// The other way round
    #[arg(long)]
    reverse: bool,
    /// At most so many
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// All of them, as without --limit
    #[arg(long, conflicts_with = "limit")]
    all: bool,
    /// As CSV, which spreadsheets open
    #[arg(long, conflicts_with = "json")]
    csv: bool,
    /// As a JSON array
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum YesNo {
    Yes,
    No,
}

#[derive(Clone, Copy, ValueEnum)]
#[value(rename_all = "snake_case")]
enum Column {
    #[value(name = "is_active")]
    Active,
    Email,
    Joined,
    LastLogin,
    #[value(name = "is_staff")]
    Staff,
    #[value(name = "live_tokens")]
    Tokens,
    Username,
}

/// How many users are read at once.
const PAGE: usize = 500;

impl List {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let accounts = self.settings.accounts().await?;
        let (csv, json) = (self.csv, self.json);
        if csv {
            let filter = self.filter();
            accounts.tell_of_export(EventName::UsersExported, &filter, Actor::CommandLine);
            output::print(&csv_head());
            self.each_page(&accounts, |users| {
                output::print(&users.iter().map(csv_row).collect::<String>())
            })
            .await?;
            accounts.until_kept().await;
            return Ok(());
        }
        let mut listed = Vec::new();
        self.each_page(&accounts, |users| {
            listed.extend(users);
            true
        })
        .await?;
        if json {
            output::json(&listed.iter().map(row::listed_as_json).collect());
            return Ok(());
        }
        let rows = listed.iter().map(row::listed_as_row).collect();
        output::table(row::HEADS, rows, "There are no such users.");
        Ok(())
    }

    /// Goes on for as long as what is taken is wanted.
    async fn each_page(
        self,
        accounts: &Auth,
        mut take: impl FnMut(Vec<ListedUser>) -> bool,
    ) -> Result<(), Failure> {
        let mut left = self.limit.unwrap_or(usize::MAX);
        let mut query = self.query();
        while left > 0 {
            query.limit = PAGE.min(left);
            let page = accounts.find_users(&query).await?;
            left = left.saturating_sub(page.users.len());
            for id in page.unreadable {
                err!("warning: the record of user number {id} in the store cannot be read");
            }
            if !take(page.users) || page.next.is_none() {
                break;
            }
            query.after = page.next;
        }
        Ok(())
    }

    /// What it leaves out, as the console says it.
    fn filter(&self) -> String {
        let choice = |choice| if matches!(choice, YesNo::Yes) { "yes" } else { "no" };
        let text = self.search.as_ref().map(|text| format!("q={text}"));
        let active = self.active.map(|value| format!("active={}", choice(value)));
        let staff = self.staff.map(|value| format!("staff={}", choice(value)));
        [text, active, staff].into_iter().flatten().collect::<Vec<_>>().join(" ")
    }

    fn query(self) -> UserQuery {
        let yes = |choice| matches!(choice, YesNo::Yes);
        let by = match self.sort {
            Column::Active => UserColumn::Active,
            Column::Email => UserColumn::Email,
            Column::Joined => UserColumn::Joined,
            Column::LastLogin => UserColumn::LastLogin,
            Column::Staff => UserColumn::Staff,
            Column::Tokens => UserColumn::Tokens,
            Column::Username => UserColumn::Username,
        };
        UserQuery {
            after: None,
            is_active: self.active.map(yes),
            is_staff: self.staff.map(yes),
            limit: PAGE,
            order: UserOrder { by, is_descending: self.reverse },
            prefix: self.search,
        }
    }
}
