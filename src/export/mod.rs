//! Assembles a finished stage into an image and hands it out.
