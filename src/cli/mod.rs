//! Turns arguments into requests, events into lines, and errors into exit codes.
