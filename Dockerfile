# The same tag for both stages: native modules are installed in the first and run in the second.
ARG NODE_IMAGE=node:24.21.0-trixie-slim

FROM ${NODE_IMAGE} AS build
WORKDIR /app
# Before the sources, so that a change there does not install everything again.
COPY package.json package-lock.json .npmrc ./
RUN npm ci
COPY rolldown.config.ts ./
COPY src ./src
RUN npm run build
# From here on only what production needs.
RUN npm ci --omit=dev

FROM ${NODE_IMAGE}
LABEL org.opencontainers.image.title="avatar-proxy" \
      org.opencontainers.image.description="A stateless origin for forum avatars" \
      org.opencontainers.image.licenses="MIT"

# Host names are looked up and files read in libuv's pool, which takes its size when it is first used:
# too early to set it from within. Renderers have pools of their own.
ENV NODE_ENV=production \
    UV_THREADPOOL_SIZE=8

# All of it is root's and the service is not root: it cannot change itself. It writes nothing, so
# `docker run --read-only` and readOnlyRootFilesystem work.
WORKDIR /app
COPY --from=build /app/package.json ./
COPY --from=build /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
# Served when AVATAR_ORIGINALS is not set.
COPY demo ./demo

# The image's user `node`. As a number, because runAsNonRoot does not look names up.
USER 1000:1000

# Metrics are on 127.0.0.1:9090, which nobody outside the container reaches. To have them scraped set
# ADMIN_HOST=0.0.0.0, and do not publish the port.
EXPOSE 8080

# Whether the process answers where it listens. Whether it should get traffic is for the balancer to ask:
# /readyz.
HEALTHCHECK --interval=15s --timeout=3s --start-period=10s \
  CMD ["node", "-e", "const { HOST, PORT } = process.env; require('http').get({ host: HOST || '127.0.0.1', port: PORT || 8080, path: '/healthz' }, ({ statusCode }) => process.exit(statusCode === 200 ? 0 : 1)).on('error', () => process.exit(1))"]

# After SIGTERM it serves for AVATAR_DRAIN_MS (10 s) more, then finishes what is open: give it longer
# than the 10 s of `docker stop`, as in `docker stop -t 30`.
STOPSIGNAL SIGTERM

# Needs no init as process 1: it handles the signals itself, and its only children, the renderers,
# have none of their own and are reaped by Node.
CMD ["node", "dist/main.js"]
