FROM alpine
ADD --keep-git-dir=true https://example.test/repo.git#v1 /src
ADD --checksum=sha256:0123 --unpack=false https://example.test/a.tar.gz /a/
ADD --unpack --link --chown=1 --chmod=u=rwX,go=rX --exclude=x a.tar /b/
