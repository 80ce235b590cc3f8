FROM alpine
RUN <<EOF
EOF
COPY <<empty /
empty
