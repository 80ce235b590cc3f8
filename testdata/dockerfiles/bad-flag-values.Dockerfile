FROM alpine
COPY --link= a b
COPY --link=yes a b
COPY --from a b
COPY --from=x --from=y a b
COPY --link --link a b
RUN --mount make
FROM --platform=a --platform=b x
