FROM alpine
RUN cat << EOF
a
EOF
RUN cat <<- EOF
	a
	EOF
COPY << file /dir/
body
file
