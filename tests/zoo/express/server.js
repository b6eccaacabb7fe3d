// Express. `close` is the shutdown of its guide; without an argument there is no handler.
const express = require("express");
const app = express();
app.get("/", (request, response) => response.send("ok"));
app.use(express.text({ type: () => true }));
app.all("/slow/:ms", (request, response) => setTimeout(() => response.send("ok"), Number(request.params.ms)));
const server = app.listen(Number(process.env.PORT), "127.0.0.1");
if (process.argv[2] === "close") {
  process.on("SIGTERM", () => server.close(() => process.exit(0)));
}
