//! The parts of `rehearse --help` that are not about one option.

pub(super) const SERVICE: &str = "Service";
pub(super) const LOAD: &str = "Load";
pub(super) const STOP: &str = "Stop";
pub(super) const OUTPUT: &str = "Output";

const EXTRA: &str = "\
Examples:
  A first try needs one option; the load goes to a path that the service answers:
      ebbtide rehearse --ready http://127.0.0.1:8080/readyz -- python3 server.py

  With routes for each shape, 25 stops at random moments, and a JSON file for CI:
      ebbtide rehearse --ready http://127.0.0.1:8080/readyz --require-readiness \\
          --url storm=/ping --url keepalive=/ping --url slow='/slow?ms={ms}' \\
          --repeat 25 --seed 7 --format text --format json=rehearsal.json \\
          --record events.ndjson \\
          -- ./my-service --port 8080

  The demo, and the demo with a fault:
      ebbtide rehearse --demo --repeat 25
      ebbtide rehearse --demo --grace 6s -- --fault stuck-worker

  The demo with its queue in Redis, which REDIS_URL names if it is elsewhere (in a
  build with the feature `redis`, or `brokers` for all that --queue offers):
      ebbtide rehearse --demo -- --queue redis

Checks:
  signal-handled          the process ended by itself, not by the default action
  requests-answered       every accepted request was answered whole, and as before
                          the signal: by status, redirect and length
  phases-served           one connection in each phase of the protocol was served
  readiness-before-close  readiness turned red before new connections were refused
  refusals-clean          at each address: after the first refusal only refusals,
                          and no new connection closed without a response
  exit-in-time            gone within --grace; if not, what was still in use
  exit-code               ended as --expect-exit says
  no-kill                 ended on its own, not by SIGKILL
  no-orphans              no process left 100 ms after the exit
  no-leaked-connections   PostgreSQL: no session in use at the exit
  database-clean          PostgreSQL: sessions_abandoned did not grow
  orders-processed        demo: every acknowledged order is there, processed or queued
  jobs-returned           demo: every order not processed has its job in the queue, and
                          the consumer that is gone keeps none
  last-log-line           demo: the last log line reached the file

  Each is pass, fail, inconclusive (too little to tell by) or skipped (does not
  apply). The verdict is `fail` when a check failed. It is `inconclusive` when none
  failed and one of requests-answered, database-clean, orders-processed,
  jobs-returned or last-log-line is; its evidence names the option that would make
  it conclusive. A `pass` states how many requests of each shape were in flight at
  the signal.

The baseline:
  What happens before the signal as often as after it is not caused by the shutdown:
  it is a note, and no finding. A service that fails more than a tenth of a route's
  requests before the signal is not judged (exit code 3). Without --storm,
  --keepalive and --open the load is half of what the service was measured to carry.

What counts as lost:
  The TCP handshake was done and the request written, then came a reset or the
  end of the stream with no response byte. That includes a kept connection that
  closed at that moment (`ambiguous` in the JSON: a proxy's retry may hide it).
  A response is truncated when it ends before its length or last chunk, or, where it
  ends with the connection, when it is shorter than every one before the signal.
  An answer is wrong when its status, redirect or fixed length exists only after
  the signal; --allow-status accepts a status, and one that readiness announces on
  its own path is accepted anyway.
  A kept connection that was closed while idle, before anything was written, is
  no loss; a refused connection isn't either: nothing was accepted.";

/// What follows the options.
pub(super) fn extra() -> String {
    format!("{EXTRA}\n\n{}", crate::exit::TABLE)
}
