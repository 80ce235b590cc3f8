# syntax=docker/dockerfile:1
# author=someone
# escape=`
FROM alpine
