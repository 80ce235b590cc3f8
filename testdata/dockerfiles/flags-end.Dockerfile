FROM alpine
RUN -- --version
CMD -- --help
RUN --network=none -- --mount=x
COPY --link -- --odd-name /x
