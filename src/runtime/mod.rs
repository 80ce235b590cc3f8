//! Runs an image as a container.
