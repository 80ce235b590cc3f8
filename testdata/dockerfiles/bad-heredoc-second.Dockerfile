FROM alpine
COPY <<a <<b /
a
a
