FROM nginx:1.27-alpine
COPY site/ /usr/share/nginx/html/
COPY <<EOF /etc/nginx/conf.d/default.conf
server {
  listen 80;
  location / { try_files $$uri $$uri/ /index.html; }
}
EOF
