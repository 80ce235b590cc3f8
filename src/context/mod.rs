//! Shows the user's files through `.dockerignore` and digests what a COPY selects.
