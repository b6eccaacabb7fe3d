# The flags are for PostgreSQL, whose fast shutdown is SIGINT.
# expect: N006 warning at SIGTERM
job "ledger" {
  datacenters = ["eu1"]
  group "data" {
    task "postgres" {
      driver       = "docker"
      kill_signal  = "SIGTERM"
      kill_timeout = "25s"
      config {
        image = "postgres:16"
        args  = ["-c", "shared_buffers=1GB", "-c", "max_connections=300"]
      }
    }
  }
  group "api" {
    count = 2
    task "api" {
      driver       = "docker"
      kill_timeout = "20s"
      config {
        image   = "registry.example/acme/ledger:9"
        command = "/bin/bash"
        args    = ["-c", ". /secrets/env && exec ./ledger --port ${NOMAD_PORT_http}"]
      }
      meta = {
        "ebbtide.dev/drain" = "15s"
      }
    }
  }
}
