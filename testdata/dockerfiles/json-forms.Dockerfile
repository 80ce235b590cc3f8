FROM alpine
RUN ["sh", "-c", "echo hi"]
CMD [ "a" , "b" ]
ENTRYPOINT ["/x"]
SHELL ["/bin/bash","-c"]
VOLUME ["/data", "/with blank"]
ADD ["a b", "/c d/"]
COPY --chown=1 ["x", "y", "/z/"]
HEALTHCHECK CMD ["curl", "-f", "localhost"]
