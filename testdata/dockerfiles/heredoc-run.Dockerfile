FROM alpine
RUN <<EOF
apk add curl
# a comment of the shell
  indented $HOME

FROM is a word here \
EOF
RUN echo after
