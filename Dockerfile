# The image of one hubbub instance: built here, run as nobody in particular on a small Debian.

FROM rust:1-slim-bookworm AS build
WORKDIR /src
COPY . .
# The caches stay between builds, so that a change to the source compiles that source and not its dependencies.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --release --locked --package hubbub --bin hubbub \
    && cp target/release/hubbub /hubbub

FROM debian:bookworm-slim
# Redis and the browser may be reached by TLS, which needs the public certificates.
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /hubbub /usr/local/bin/hubbub
USER 65532:65532
# Loopback, the default, could not be reached from outside the container.
ENV HUBBUB__HTTP__LISTEN=0.0.0.0:8080
EXPOSE 8080
# SIGTERM starts the drain: give it 60 s (docker stop -t 60).
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=2s --timeout=3s --start-period=10s --retries=3 CMD ["hubbub", "healthcheck"]
ENTRYPOINT ["hubbub"]
CMD ["serve"]
