FROM alpine
ENV
ENV a
ENV =b
ENV a=1 b
LABEL
LABEL a=1 \
  b \
  c=3
ENV a="unfinished b=c
ARG =x
