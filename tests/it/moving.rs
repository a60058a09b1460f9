//! Moving in from a Django, and back: what is taken over lives on as it was.
//!
//! `tests/django/` is the Django, and `tests/setup` installs it; a test fails where it is missing.

mod differential;
mod guide;
mod here;
mod reference;
mod round_trip;
mod sources;
