FROM alpine
RUN echo C:\\
RUN echo 'x' \\\
RUN b
