# syntax=docker/dockerfile:1
ARG NODE=22
FROM node:${NODE} AS base
WORKDIR /repo
FROM base AS deps
COPY --parents package.json pnpm-lock.yaml packages/*/package.json ./
RUN --mount=type=cache,id=pnpm,target=/root/.pnpm-store pnpm install --frozen-lockfile
FROM deps AS web-build
COPY packages/web packages/web
RUN pnpm --filter web build
FROM deps AS api-build
COPY packages/api packages/api
RUN pnpm --filter api build
FROM nginx AS web
COPY --from=web-build /repo/packages/web/dist /usr/share/nginx/html
FROM base AS api
COPY --from=api-build /repo/packages/api/dist ./
CMD ["node", "main.js"]
