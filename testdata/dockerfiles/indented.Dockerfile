  FROM alpine
	RUN echo a
    # comment
    COPY a \
        b
