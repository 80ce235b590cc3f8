FROM debian:12
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
RUN apt-get update \
 && apt-get install -y --no-install-recommends \
      # needed to fetch the keys
      ca-certificates \
      curl \
      # needed to read them
      gnupg \
 && rm -rf /var/lib/apt/lists/*
RUN curl -fsSL https://example.test/key.asc | gpg --dearmor > /etc/apt/keyrings/example.gpg
