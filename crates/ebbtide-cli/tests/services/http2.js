// An HTTP/2 service of Node: with `graceful` it closes its sessions at SIGTERM, which sends a GOAWAY and waits for their streams;
// otherwise it ends at once.
const http2 = require("http2");
const [port, mode] = process.argv.slice(2);
const sessions = new Set();
const server = http2.createServer((request, response) => {
  request.resume();
  const time = request.url.startsWith("/slow/") ? Number(request.url.slice(6)) : 0;
  request.on("end", () => setTimeout(() => response.end("ok"), time));
});
server.on("session", (session) => {
  sessions.add(session);
  session.on("close", () => sessions.delete(session));
  session.on("error", () => {});
});
process.on("SIGTERM", () => {
  if (mode !== "graceful") process.exit(0);
  server.close(() => process.exit(0));
  for (const session of sessions) session.close();
});
server.listen(Number(port), "127.0.0.1");
