FROM alpine
RUN cat <<EOF>/out && true
hello
EOF
