# expect: N003 error at kill_timeout = "15m"
# expect: N002 warning at kill_timeout = "15m"
job "archive" {
  group "archive" {
    update {
      progress_deadline = "10m"
    }

    task "archive" {
      driver       = "docker"
      kill_timeout = "15m"

      config {
        image = "registry.example.org/archive:1"
      }
    }
  }
}
