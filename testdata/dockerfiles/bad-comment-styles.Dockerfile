// syntax=docker/dockerfile:1
FROM alpine # the base
-- a comment
RUN ls # fine, the shell reads it
COPY a b # not fine but three sources
