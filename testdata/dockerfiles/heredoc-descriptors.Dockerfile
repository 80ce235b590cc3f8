FROM alpine
RUN cat 3<<A <&3 <<B
a
A
b
B
RUN 10<<X
x
X
