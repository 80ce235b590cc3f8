\
  FROM alpine
\
\
RUN a
