# tsuji as an image, of the same files as the tarball and the Debian package:
#   npm run release -- image && docker build -t tsuji .
#   docker run -p 80:80 -p 8080:8080 tsuji --web --etcd --etcd.endpoint=10.0.0.1:2379
#
# The base has to bring glibc 2.36 or later and libstdc++, so Alpine will not do. Its digest is that of the index for all
# architectures of debian:bookworm-slim in September 2026; docs/releases.md says how to move it on.
#
# It runs as a user that is not root. In a network of its own, docker 20.10 and later let it listen on port 80; earlier
# ones need --sysctl net.ipv4.ip_unprivileged_port_start=0, and with --net=host that setting has to be made on the host.

ARG BASE=debian:bookworm-slim@sha256:88200866dfff7ea7f5cbcb6ec7c8a701889efe6fe859fe64d6990e4b07ea4171

FROM ${BASE}
ARG TARGETARCH
ARG VERSION=
ARG REVISION=
LABEL org.opencontainers.image.title="tsuji" \
      org.opencontainers.image.description="An HTTP load balancer whose routes live in etcd" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.licenses="MIT"
# Builders other than BuildKit may not say it.
COPY dist/image/${TARGETARCH:-amd64}/ /usr/lib/tsuji/
# Whoever publishes the port of the admin pages wants them from outside; --web.address wins.
ENV TSUJI_ADMIN_DEFAULTADDRESS=:8080
USER 65532:65532
EXPOSE 80 443 8080
STOPSIGNAL SIGTERM
# Asks the tsuji of this container, whatever its flags are.
HEALTHCHECK --interval=10s --timeout=5s --start-period=15s --retries=3 \
  CMD ["/usr/lib/tsuji/tsuji", "healthcheck"]
ENTRYPOINT ["/usr/lib/tsuji/tsuji"]
