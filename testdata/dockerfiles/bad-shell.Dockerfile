FROM alpine
SHELL []
SHELL /bin/bash -c
SHELL ['/bin/bash', '-c']
