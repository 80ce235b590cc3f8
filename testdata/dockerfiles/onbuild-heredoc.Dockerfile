FROM alpine
ONBUILD RUN <<EOF
echo one
echo two
EOF
ONBUILD COPY <<-A <<B /etc/
	a
	A
b
B
