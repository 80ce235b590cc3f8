from alpine as base
run echo hi
Copy a b
entrypoint ["x"]
onbuild run x
healthcheck none
