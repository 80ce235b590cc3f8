FROM alpine
VOLUME /data
VOLUME /a /b $C
VOLUME ["/d"]
