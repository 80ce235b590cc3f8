ARG REGISTRY=registry.test
ARG BASE=${REGISTRY}/base TAG
FROM ${BASE}:${TAG:-latest} AS app
ARG REGISTRY
ARG A B=2 C="three words" D='$literal' E=
ARG F=${B:+set}
LABEL source=$REGISTRY
