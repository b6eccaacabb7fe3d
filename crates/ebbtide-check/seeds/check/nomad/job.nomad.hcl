job "mailer" {
  datacenters = ["dc1"]

  group "mailer" {
    task "mailer" {
      driver      = "docker"
      kill_signal = "SIGKILL"

      config {
        image   = "registry.example/mailer:4"
        command = "sh"
        args    = ["-c", "migrate && mailer --queue outgoing; echo done"]
      }
    }
  }
}
