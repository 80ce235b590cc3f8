//! Keeps bytes and trees by digest: crash-safe in, verified out, collectable.
