//! Moving in from a Django, and back: what is taken over lives on as it was.

mod databases;
