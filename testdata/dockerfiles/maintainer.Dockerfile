FROM alpine
MAINTAINER  A Person <a@example.test>  
