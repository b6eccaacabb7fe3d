# expect: N001 error at task "sidekiq"
job "forum" {
  type = "service"

  group "workers" {
    count = 2

    task "sidekiq" {
      driver = "docker"

      config {
        image   = "registry.example.org/forum:88"
        command = "bundle"
        args    = ["exec", "sidekiq", "--timeout", "25"]
      }

      env {
        RAILS_ENV = "production"
      }
    }
  }
}
