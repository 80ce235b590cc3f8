FROM alpine
CMD ["a", 1]
RUN [true]
VOLUME ["/a", {"b": "c"}]
ENTRYPOINT ["a", \
  null]
HEALTHCHECK CMD [[]]
ONBUILD CMD [2]
