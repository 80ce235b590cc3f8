FROM alpine
COPY <<'EOF' /a
$literal
EOF
COPY <<"EOF" /b
$literal
EOF
COPY <<E"O"F /c
$literal
EOF
COPY <<EOF /d
$replaced \$kept "quotes"
EOF
COPY <<'A NAME' /e
x
A NAME
