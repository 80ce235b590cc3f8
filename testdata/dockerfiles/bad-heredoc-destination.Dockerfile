FROM alpine
COPY a <<EOF
x
EOF
ADD <<EOF
x
EOF
