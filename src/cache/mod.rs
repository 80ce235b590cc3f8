//! Answers whether a step is already done, and if not, why not.
