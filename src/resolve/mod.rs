//! Binds stage names, scopes and variables over the tree.
