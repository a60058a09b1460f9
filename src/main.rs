//! `authgate`: the command line in front of the library.

use mimalloc::MiMalloc;
use std::process::ExitCode;

/// A request allocates a hundred times, mostly in Pingora: a fifth of its time in the system's own
/// allocator.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    authgate::cli::run()
}
