# expect: N006 warning at migrate && collector --once=false
# expect: N005 info
# The shell is the child that Nomad signals, by SIGINT.
job "collector" {
  datacenters = ["dc1"]

  group "collector" {
    task "collector" {
      driver = "raw_exec"

      config {
        command = "/bin/sh"
        args    = ["-c", "migrate && collector --once=false"]
      }
    }
  }
}
