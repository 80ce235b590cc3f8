FROM alpine
RUN echo a \
# at the margin
    # indented, with an escape at its end \
  && echo b \
	# after a tab
  && echo c
