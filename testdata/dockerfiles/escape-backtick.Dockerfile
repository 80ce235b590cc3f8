# escape=`
FROM mcr.test/servercore
COPY app\ C:\app\
RUN dir C:\ `
 && type C:\app\readme.txt
ENV A=C:\x` y B="`""
