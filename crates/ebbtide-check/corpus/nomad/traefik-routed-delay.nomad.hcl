job "api" {
  datacenters = ["dc1"]

  group "api" {
    count          = 3
    shutdown_delay = "8s"

    network {
      port "http" { to = 8080 }
    }

    service {
      name = "api"
      port = "http"
      tags = ["traefik.enable=true"]
    }

    task "api" {
      driver       = "docker"
      kill_timeout = "15s"

      config {
        image = "registry.example.org/api:4"
        ports = ["http"]
      }
    }
  }
}
