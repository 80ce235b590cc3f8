FROM alpine
RUN --mount=type=cache,"target=/a b" ls
COPY --chown='a b':c\ d x y
COPY "--from"=x a
