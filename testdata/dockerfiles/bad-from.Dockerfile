FROM alpine AS
FROM alpine base
FROM alpine AS base now
FROM alpine IS base
FROM a b c d
