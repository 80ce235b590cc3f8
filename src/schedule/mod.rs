//! Walks the plan with many workers and owns order, cancellation and events.
