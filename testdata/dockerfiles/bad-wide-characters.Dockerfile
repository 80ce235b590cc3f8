FROM 日本語 イメージ
COPY 🐳
