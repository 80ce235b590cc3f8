FROM alpine
COPY
COPY a
ADD ["a"]
COPY []
ADD --chown=1
COPY --link \
  only/one/path
