FROM --platfrom=linux/amd64 alpine
RUN --mnt=type=cache true
COPY --checksum=x a b
CMD --help
ENV --x a=b
COPY --parnets a b
WORKDIR --from=x
