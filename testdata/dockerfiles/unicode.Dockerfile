FROM alpine
LABEL 名前="値 🐳"
RUN echo 'héllo wörld' \
  && echo 日本語
COPY données/ /données/
COPY --chown=ünï a b
