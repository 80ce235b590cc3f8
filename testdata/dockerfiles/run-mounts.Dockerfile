FROM alpine
RUN --mount=type=bind,target=/src,rw --mount=type=tmpfs,target=/tmp,size=64m make
RUN --mount=type=secret,id=npm,target=/root/.npmrc,required=true \
    --mount=type=ssh,id=default \
    # the mirror
    --mount=type=cache,id=apt,target=/var/cache/apt,sharing=locked,from=base,mode=0755 \
    ./fetch.sh
RUN --mount="type=secret,id=a b" --mount='type=bind,source="x",target=/y' true
