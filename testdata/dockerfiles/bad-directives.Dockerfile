# escape=\
# Escape=`
# syntax=a
# syntax=b
FROM alpine
RUN a \
 b
