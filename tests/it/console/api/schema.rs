//! schemathesis: everything that the document says of the API, tried.
