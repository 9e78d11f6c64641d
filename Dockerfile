# Drydock as an image: Node, git for checkouts, and the docker CLI for the docker builder (mount a daemon's socket to use it).
# PostgreSQL is not inside: give DATABASE_URL. Form-checked by test/compose.test.ts; see docs/operations.md for what was tried.
FROM node:24-bookworm-slim

RUN apt-get update \
 && apt-get install --yes --no-install-recommends ca-certificates docker.io git git-lfs openssh-client \
 && rm -rf /var/lib/apt/lists/*

WORKDIR /opt/drydock
COPY package.json package-lock.json prisma.config.ts ./
COPY patches patches
COPY prisma prisma
COPY bin bin
COPY scripts scripts
COPY src src
RUN npm ci --omit=dev

RUN install --directory --owner=node --group=node /var/lib/drydock
USER node
ENV NODE_ENV=production DRYDOCK_HOST=0.0.0.0 DRYDOCK_DATA_DIR=/var/lib/drydock
EXPOSE 8080
VOLUME /var/lib/drydock
HEALTHCHECK --interval=10s --timeout=3s --start-period=100s \
  CMD ["node", "--eval", "fetch('http://127.0.0.1:8080/healthz').then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["node", "bin/drydock.mjs"]
CMD ["serve"]
