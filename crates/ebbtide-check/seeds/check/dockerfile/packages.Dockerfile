FROM debian:bookworm-slim
RUN apt-get update && apt-get install -y --no-install-recommends nginx
COPY site.conf /etc/nginx/conf.d/site.conf
CMD ["nginx", "-g", "daemon off;"]
