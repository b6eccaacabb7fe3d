// Node's HTTP server. At SIGTERM: `close` stops listening and waits, `exit` ends at once, `connection-close` also tells the clients.
const http = require("node:http");
const mode = process.argv[2];
let stopping = false;
const server = http.createServer((request, response) => {
  if (stopping && mode === "connection-close") response.setHeader("Connection", "close");
  const slow = request.url.match(/^\/slow\/(\d+)/);
  request.resume().on("end", () => setTimeout(() => response.end("ok"), slow ? Number(slow[1]) : 0));
});
server.listen(Number(process.env.PORT), "127.0.0.1");
process.on("SIGTERM", () => {
  stopping = true;
  if (mode === "exit") process.exit(0);
  server.close(() => process.exit(0));
});
