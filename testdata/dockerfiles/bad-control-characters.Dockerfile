FROM alpine
[31mRUN[0m ls
COPY --‮evil a b
SHELL	31m x
