FROM alpine
LABEL org.opencontainers.image.title="A title" \
      org.opencontainers.image.url=https://example.test/x?a=b#c \
      "com.example.vendor"='ACME "Inc"' \
      empty=""
LABEL a=1 a=2
