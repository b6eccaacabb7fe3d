// A Node service, stopped the way Node's documentation shows: server.close() on SIGTERM.
const http = require("http");
const server = http.createServer((request, response) => {
  const slow = request.url.match(/^\/slow\/(\d+)/);
  setTimeout(() => response.end("ok"), slow ? Number(slow[1]) : 0);
});
server.listen(Number(process.argv[2]), "127.0.0.1");
process.on("SIGTERM", () => {
  if (process.env.AT_SIGNAL === "throws") throw new Error("no such key");
  if (process.env.AT_SIGNAL === "exits") process.exit(0);
  server.close(() => process.exit(0));
});
