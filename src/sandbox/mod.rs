//! Runs one command in fresh namespaces from a list of setup operations.
