FROM alpine
COPY --from=0 /a /b
COPY --link --from=stage a b c/
COPY --link=TRUE --parents=false --chown=$U:$G --chmod=0644 a b
COPY --exclude=*.md --exclude=**/test/ . /src/
COPY --chmod= a b
