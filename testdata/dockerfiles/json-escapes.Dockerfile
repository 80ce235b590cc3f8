FROM alpine
CMD ["tab\t", "\u00e9\ud83d\udc33", "half \ud800", "\"q\" \\ \/"]
