//! The failure policy: what is promised while something is down or slow, cell by cell. The table of
//! `docs/failures.md` is made of the same rows that are tested here.

mod apps;
mod backing;
mod clocks;
mod crowds;
mod faults;
mod judge;
mod moves;
mod page;
mod process;
mod stage;
mod starts;
mod stores;
mod table;
mod torn;
