//! Takes one build request through the rooms, from text to image.
