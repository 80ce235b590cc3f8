# syntax=docker/dockerfile:1
# base is what everything stands on.
FROM alpine AS base
# version picks the release.
#
# This is about the next line.
# And so is this.

ARG version=1
#no blank
  # indented
RUN a \
  # not a doc comment
  b
RUN c
