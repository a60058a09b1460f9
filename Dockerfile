# Builds without BuildKit too: no cache mounts, no syntax line.
#
# Any Debian image can stand in for either base (tests/compose --import-base makes one):
#   docker build --build-arg BUILDER_IMAGE=debian:bookworm-slim .
ARG BUILDER_IMAGE=rust:1.95-bookworm
ARG RUNTIME_IMAGE=debian:bookworm-slim

FROM ${BUILDER_IMAGE} AS builder
ENV PATH=/usr/local/cargo/bin:/root/.cargo/bin:$PATH
# Installs only what the base lacks: of the rust image that is cmake, of a bare Debian everything.
RUN set -eu; \
    missing=""; \
    command -v cc >/dev/null || missing="$missing build-essential"; \
    command -v cmake >/dev/null || missing="$missing cmake"; \
    command -v cargo >/dev/null || missing="$missing ca-certificates curl"; \
    if [ -n "$missing" ]; then \
        apt-get update -q; \
        apt-get install -q -y --no-install-recommends $missing; \
        rm -rf /var/lib/apt/lists/*; \
    fi; \
    if ! command -v cargo >/dev/null; then \
        curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs \
            | sh -s -- -y --profile minimal --default-toolchain 1.95.0; \
    fi
WORKDIR /build
COPY . .
# dist: fat LTO. --build-arg PROFILE=release builds several times faster, for trying things out.
ARG PROFILE=dist
RUN cargo build --profile "$PROFILE" --locked && cp "target/$PROFILE/authgate" /authgate

FROM ${RUNTIME_IMAGE}
RUN set -eu; \
    if [ ! -e /etc/ssl/certs/ca-certificates.crt ]; then \
        apt-get update -q; \
        apt-get install -q -y --no-install-recommends ca-certificates; \
        rm -rf /var/lib/apt/lists/*; \
    fi; \
    groupadd --gid 10001 authgate; \
    useradd --uid 10001 --gid 10001 --home-dir /var/lib/authgate --no-create-home \
        --shell /usr/sbin/nologin authgate; \
    install -d -o authgate -g authgate -m 0750 /var/lib/authgate
COPY --from=builder /authgate /usr/local/bin/authgate
# What a container needs and a workstation must not have by default. The environment beats a
# settings file, so these two hold unless `docker run -e` says otherwise.
ENV AUTHGATE__SERVER__LISTEN=0.0.0.0:8000 \
    AUTHGATE__OPS__LISTEN=127.0.0.1:9600
USER authgate
# Where a relative store such as sqlite:authgate.db lives: mount a volume here to keep it.
WORKDIR /var/lib/authgate
EXPOSE 8000
HEALTHCHECK --interval=5s --timeout=3s --start-period=5s --retries=3 CMD ["authgate", "health"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["authgate"]
CMD ["serve"]
