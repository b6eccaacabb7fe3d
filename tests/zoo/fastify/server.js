// Fastify. `close` calls `fastify.close()` at SIGTERM, `exit` ends at once.
const fastify = require("fastify")();
fastify.get("/", async () => "ok");
fastify.all("/slow/:ms", async (request) => {
  await new Promise((resolve) => setTimeout(resolve, Number(request.params.ms)));
  return "ok";
});
fastify.listen({ port: Number(process.env.PORT), host: "127.0.0.1" });
process.on("SIGTERM", () => {
  if (process.argv[2] === "exit") process.exit(0);
  fastify.close().then(() => process.exit(0));
});
