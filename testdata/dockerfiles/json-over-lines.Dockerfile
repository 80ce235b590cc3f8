FROM alpine
CMD [ \
  "a", \
  # the second
  "b" \
]
