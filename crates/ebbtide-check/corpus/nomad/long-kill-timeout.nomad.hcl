# expect: N002 warning at kill_timeout = "5m"
job "transcode" {
  datacenters = ["dc1"]
  type        = "service"

  group "transcode" {
    task "worker" {
      driver       = "docker"
      kill_timeout = "5m"
      kill_signal  = "SIGTERM"

      config {
        image = "registry.example.org/transcode:9"
      }
    }
  }
}
