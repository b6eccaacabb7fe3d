//! What `ebbtide rehearse --help` prints after the options.

const EXTRA: &str = "\
Examples:
  A first try needs the command alone: the listener, its readiness path and a path for
  the load are found:
      ebbtide rehearse -- python3 server.py

  A file with what was found, to be completed; from then on, without options:
      ebbtide rehearse --init -- python3 server.py
      ebbtide rehearse

  With the readiness path, so that its change at the stop is seen:
      ebbtide rehearse --ready http://127.0.0.1:8080/readyz -- python3 server.py

  With routes for each shape, 25 stops at random times, and a JSON file for CI:
      ebbtide rehearse --ready http://127.0.0.1:8080/readyz --require-readiness \\
          --url storm=/ping --url keepalive=/ping --url slow='/slow?ms={ms}' \\
          --repeat 25 --seed 7 --format text --format json=rehearsal.json \\
          --record events.ndjson \\
          -- ./my-service --port 8080

  Requests as the service's clients send them:
      ebbtide rehearse --ready http://127.0.0.1:8080/readyz --host shop.example.org \\
          --header 'Authorization: Bearer TOKEN' --url keepalive=GET:/items \\
          --url open=POST:/items --url slow=POST:/items --body '{\"name\":\"pen\"}' \\
          -- ./my-service --port 8080

  WebSockets, server-sent events, downloads and uploads that are open at the signal:
      ebbtide rehearse --ready http://127.0.0.1:8080/readyz --url websocket=/chat \\
          --url events=/events --url download=/export.csv --url upload=POST:/files \\
          -- ./my-service --port 8080

  Calls of gRPC to a service with server reflection; a service without it needs --protoset:
      ebbtide rehearse --ready 50051 --url keepalive=GRPC:/shop.Orders/Get \\
          --url storm=GRPC:/shop.Orders/Get --url events=GRPC:/shop.Orders/Watch \\
          --grpc-message '{\"id\": 7}' -- ./my-service --port 50051

  Lines over TCP to a service without HTTP; each answer must contain the number:
      ebbtide rehearse --ready 6379 --url 'tcp=/ECHO {id}\\r' -- ./my-service --port 6379

  As in a container, where a shell without a trap ignores the signal; and a service that
  runs already:
      ebbtide rehearse --pid1 -- ./entrypoint.sh
      ebbtide rehearse --attach 4711

  Relays to its dependencies, which see how connections end; PostgreSQL is silent from the
  signal on:
      ebbtide rehearse --via postgres=127.0.0.1:5432 --via redis=127.0.0.1:6379 \\
          --env DATABASE_URL='postgres://shop@{via.postgres}/shop' \\
          --env REDIS_URL='redis://{via.redis}' --via-at-signal postgres=silence \\
          -- ./my-service --port 8080

  The demo, and the demo with a fault:
      ebbtide rehearse --demo --repeat 25
      ebbtide rehearse --demo --grace 6s -- --fault stuck-worker

  The demo with its queue in Redis; REDIS_URL sets the address (requires the feature
  `redis`, or `brokers` for everything that --queue offers):
      ebbtide rehearse --demo -- --queue redis
      ebbtide rehearse --demo --via redis=127.0.0.1:6379 -- --queue redis

Checks:
  signal-handled          the signal's default action did not end the process
  routes-served           each route of the load answered with 200 to 399, or with
                          a status that --expect-status names
  requests-answered       every accepted request got a complete response, with the
                          status, redirect and body as before the signal
  phases-served           one connection in each phase of the protocol was served
  readiness-before-close  readiness turned red before new connections were refused
  liveness-stays-green    with --liveness: it was answered with less than 400 until the
                          listener closed
  refusals-clean          at each address: only refusals after the first refusal,
                          and no new connection closed without a response
  lame-duck-served        with --min-lame-duck: no new connection was refused before
                          that time
  second-signal           with --then-signal: nothing was lost after the second signal
  exit-in-time            the process exited within --grace; if not, what was in use
  exit-code               the exit is one that --expect-exit names
  no-kill                 the process was not ended by SIGKILL
  no-orphans              no process is left two seconds after the exit
  no-leaked-connections   PostgreSQL: no session was in use at the exit
  database-clean          PostgreSQL: sessions_abandoned did not grow
  dependencies-closed     with --via: each connection to a dependency ended in the way
                          of its protocol
  orders-processed        demo: every acknowledged order is there, processed or queued
  jobs-returned           demo: every unprocessed order has its job in the queue, and
                          the exited consumer holds no lease
  last-log-line           demo: the last log line reached the file

  A check is pass, fail, inconclusive (too little was observed) or skipped (does not
  apply). The verdict is `fail` when a check failed. It is `inconclusive` when none
  failed and one of routes-served, requests-answered, liveness-stays-green,
  database-clean, dependencies-closed, orders-processed, jobs-returned or last-log-line
  is; its hint names the option that would make it conclusive. A `pass` states how many requests of
  each shape were in flight at the signal.

Settings:
  Each option but --attach, --demo, --init and --quiet is also a key of the section
  [rehearse] of ebbtide.toml, in the current folder or the nearest one above it up to
  the root of the repository: grace = \"30s\", strict = true, url.storm = \"/ping\".
  An option on the command line replaces that of the file. Paths in the file count from
  its folder, in which its `command` and `compare` run as well. --demo reads no settings.

The baseline:
  A failure that is as frequent before the signal as after it is not caused by the
  shutdown: it is reported as a note, not as a failure. What ends together with the
  process is, unless chance explains it. A service that certainly
  fails more than a tenth of a route's requests before the signal is not judged (exit
  code 3): 3 of 12 are more, 3 of 13 may be chance (95 % confidence). Without
  --storm, --keepalive and --open the load is half of the service's measured capacity.

The report of the service:
  A service that is built on the library ebbtide writes its own report at its exit.
  The rehearsal sets EBBTIDE_REPORT for each run, and adds the report to the run in
  the JSON. If EBBTIDE_REPORT is set for `rehearse` itself, the report of the last
  run is copied to that file.

What counts as lost:
  A request is lost when the TCP handshake was complete and the request written, and
  the connection was then reset or closed with no response byte. That includes a kept
  connection that closed while the request was sent (`ambiguous` in the JSON: a
  proxy's retry may hide it).
  Over HTTP/2 a request is lost when its stream is at or below the last one of the GOAWAY,
  or there was none, and the connection ended or the stream was reset. A stream above it,
  or reset with REFUSED_STREAM, was not processed (`unprocessed` in the JSON, a part of the
  refused ones in the tables): not a loss, a retry is safe.
  A response is truncated when it ends before its length or last chunk. A response
  that ends with the connection is truncated when every response before the signal
  had one length, and it is shorter. Where the lengths vary, truncation would not be
  detected, and `requests-answered` is inconclusive.
  A WebSocket (--url websocket=…) is truncated when its connection ends without a close
  frame, or with one while a message has waited 250 ms or more for its echo. It ends
  well with no code, 1000, 1001, 1012, 1013 or 3000 and more; another code is wrong. A
  later message may have crossed the close frame: it is not judged. A stream of events
  is also truncated when its last event has no empty line at its end.
  A call of gRPC is truncated when it ends without a status. With bidi-stream it is also
  truncated when it ends with status 0 and fewer messages than were sent; if the service
  ended it, a message that had waited for less than 250 ms is not judged.
  A line (--url tcp=…) is lost when its connection ended without the first byte of an
  answer, and truncated when it ended within the answer. A connection that ends between
  two lines is not a loss.
  A response is wrong when its status or redirect occurs only after the signal, or
  its body has another length than the one that the route always had, five times or
  more. Another body of the same length may have the time of day in it: then
  `requests-answered` is inconclusive. --allow-status accepts a status; 503 on the
  readiness path announces the shutdown and is accepted there.
  Not a loss: a kept connection that was closed while idle, before anything was
  written, and a refused connection, because nothing was accepted.";

/// Returns the help text after the options.
pub(super) fn extra() -> String {
    format!("{EXTRA}\n\n{}", crate::exit::TABLE)
}
