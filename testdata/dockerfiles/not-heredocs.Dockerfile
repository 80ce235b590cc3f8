FROM alpine
RUN cat <<<word
RUN echo "<<EOF" '<<EOF' \<<EOF
RUN echo $((1 << 2)) $(( 1<<2 ))
RUN a<<EOF
CMD cat <<EOF
RUN ["cat", "<<EOF"]
RUN echo "unfinished <<EOF
ENV A=<<EOF
