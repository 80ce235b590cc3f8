FROM alpine
HEALTHCHECK NONE
HEALTHCHECK --interval=5m --timeout=3s --start-period=1m --start-interval=2s --retries=5 CMD curl -f http://localhost/ || exit 1
HEALTHCHECK cmd ["true"]
HEALTHCHECK   CMD   a   b
