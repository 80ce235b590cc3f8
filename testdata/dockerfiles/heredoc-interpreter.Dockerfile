FROM python:3.13
RUN <<EOF
#!/usr/bin/env python
print("hello")
EOF
RUN python3 <<PY > /out.txt
print("hello")
PY
