FROM alpine
ONBUILD COPY --chown=1:1 . /app/
ONBUILD RUN --mount=type=cache,target=/c \
    make -C /app
ONBUILD ENV A=1 B=2
onbuild entrypoint ["/app/run"]
ONBUILD HEALTHCHECK --retries=1 CMD true
ONBUILD   ARG   X
