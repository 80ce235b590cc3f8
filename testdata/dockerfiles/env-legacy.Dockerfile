FROM alpine
ENV PATH /usr/local/bin:$PATH
ENV  GREETING   hello "big"  world  
ENV KEY a=b c=d
LABEL description some text
