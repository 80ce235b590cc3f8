FROM alpine
ENV A=1 B="two words" C='three
ENV D=a\ b E=\"q\" F="x \"y\" z" G='it''s' H=
ENV I=$A J=${B:-x} K=a=b=c
ENV "quoted key"=v
ENV L=1 \
    # about M
    M=2 \
    N="a \
b"
