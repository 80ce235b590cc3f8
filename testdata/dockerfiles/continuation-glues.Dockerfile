FR\
OM alp\
ine
RUN ech\
o a\
b
ENV A=x\
y
