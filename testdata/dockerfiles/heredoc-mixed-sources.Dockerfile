FROM alpine
ADD --chmod=0600 --chown=1:1 local.txt <<key https://example.test/x /etc/keys/
secret
key
