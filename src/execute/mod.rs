//! Does one step: the only place where files, sandbox and layers meet.
