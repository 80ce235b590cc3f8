# syntax=docker/dockerfile:1
FROM alpine

RUN echo a \
  # comment
  && echo b
ENV A=1 \  
    B=2
CMD ["sh"]
