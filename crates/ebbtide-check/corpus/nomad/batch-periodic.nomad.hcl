# expect: N002 warning at kill_timeout = "10m"
# A batch job runs to its end; the client still caps the timeout of a stop.
job "report" {
  type = "batch"

  periodic {
    crons            = ["0 3 * * *"]
    prohibit_overlap = true
  }

  group "report" {
    task "report" {
      driver       = "exec"
      kill_timeout = "10m"

      config {
        command = "/usr/local/bin/report"
        args    = ["--day", "yesterday"]
      }
    }
  }
}
