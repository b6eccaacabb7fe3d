job "forum" {
  type = "service"

  group "workers" {
    task "sidekiq" {
      driver       = "docker"
      kill_timeout = "29s"

      config {
        image   = "registry.example.org/forum:88"
        command = "bundle"
        args    = ["exec", "sidekiq", "--timeout", "25"]
      }
    }
  }
}
