# The timeout is only known at the deploy.
variable "kill_timeout" {
  type    = string
  default = "5s"
}

job "forum" {
  group "workers" {
    task "sidekiq" {
      driver       = "docker"
      kill_timeout = var.kill_timeout

      config {
        image   = "registry.example.org/forum:88"
        command = "bundle"
        args    = ["exec", "sidekiq", "-t", "25"]
      }
    }
  }
}
