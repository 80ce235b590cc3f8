FROM alpine
RUN --network=none --security=sandbox --device=vendor.test/gpu=all --device=b make test
RUN --network=$NET ls
