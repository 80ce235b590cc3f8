# Syntax = docker/dockerfile:1.7-labs
#escape=\
#	check=skip=JSONArgsRecommended;error=true   
FROM alpine
