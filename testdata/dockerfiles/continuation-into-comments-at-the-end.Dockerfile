FROM alpine
RUN echo a \
# nothing follows

