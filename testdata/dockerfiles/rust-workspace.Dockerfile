FROM rust:1.95 AS planner
WORKDIR /w
COPY --parents Cargo.toml Cargo.lock crates/*/Cargo.toml ./
FROM rust:1.95 AS build
WORKDIR /w
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry,sharing=locked \
    --mount=type=cache,target=/w/target \
    cargo build --release --locked && \
    cp target/release/api /api
FROM debian:12-slim
COPY --link --from=build /api /usr/local/bin/
STOPSIGNAL SIGINT
ENTRYPOINT ["api"]
CMD ["serve"]
