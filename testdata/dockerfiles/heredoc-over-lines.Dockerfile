FROM alpine
RUN --network=none \
    # about it
    cat <<EOF \
    | sort
b
a
EOF
