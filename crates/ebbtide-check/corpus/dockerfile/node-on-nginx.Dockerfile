# expect: D006 error at node
# The base is that of the proxy, and its SIGQUIT comes with it.
FROM nginx:1.27
RUN apt-get update && apt-get install -y nodejs
COPY server.js /srv/server.js
ENTRYPOINT []
CMD ["node", "/srv/server.js"]
