FROM alpine
CMD ['single', 'quotes']
ENTRYPOINT ["a", "b",]
RUN [ -f /etc/passwd ] && echo yes
RUN ["a"] && b
VOLUME [/a /b]
CMD ["a" "b"]
COPY [a b]/ c
