# tsuji as an image:
#   docker build -t tsuji .
#   docker run -p 80:80 -p 8080:8080 tsuji --web --etcd --etcd.endpoint=10.0.0.1:2379
#
# The base has to bring glibc 2.38 or later for uWebSockets.js (Debian 13 has 2.41), so Alpine will not do.
#
# It runs as a user that is not root. In a network of its own, docker 20.10 and later let it listen on port 80; earlier
# ones need --sysctl net.ipv4.ip_unprivileged_port_start=0, and with --net=host that setting has to be made on the host.

ARG BASE=node:24-trixie-slim

FROM ${BASE} AS packages
WORKDIR /app
COPY package.json package-lock.json ./
COPY scripts/ scripts/
# Optional packages would only bring a second Node.
RUN npm ci --omit=dev --omit=optional --no-audit --no-fund
# Of the 16 addons keep the one that loads here, and see that it does.
RUN find node_modules/uWebSockets.js -name 'uws_*.node' \
      ! -name "uws_linux_$(node -p process.arch)_$(node -p process.versions.modules).node" -delete \
 && node -e "require('uWebSockets.js')"

FROM ${BASE}
ARG VERSION=0.1.0
LABEL org.opencontainers.image.title="tsuji" \
      org.opencontainers.image.description="An HTTP load balancer whose routes live in etcd" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.licenses="MIT"
ENV NODE_ENV=production
# Whoever publishes the port of the admin pages wants them from outside; --web.address wins.
ENV TSUJI_ADMIN_DEFAULTADDRESS=:8080
WORKDIR /app
COPY --from=packages /app/ ./
COPY LICENSE ./
COPY src/ src/
USER 65532:65532
EXPOSE 80 8080
STOPSIGNAL SIGTERM
# Asks the tsuji of this container, whatever its flags are.
HEALTHCHECK --interval=10s --timeout=5s --start-period=15s --retries=3 \
  CMD ["node", "/app/src/main.ts", "healthcheck"]
# The flags: scripts/node-flags.mjs.
ENTRYPOINT ["node", "--use-largepages=silent", "--disable-sigusr1", "/app/src/main.ts"]
