# expect: N004 warning at group "api"
job "api" {
  datacenters = ["dc1"]

  update {
    max_parallel = 1
    canary       = 1
    auto_promote = true
  }

  group "api" {
    count = 3

    network {
      mode = "bridge"
      port "http" { to = 8080 }
    }

    service {
      name = "api"
      port = "http"
      tags = [
        "traefik.enable=true",
        "traefik.http.routers.api.rule=Host(`api.example.org`)",
      ]

      check {
        type     = "http"
        path     = "/healthz"
        interval = "10s"
        timeout  = "2s"
      }
    }

    task "api" {
      driver       = "docker"
      kill_timeout = "15s"

      config {
        image = "registry.example.org/api:${var.version}"
        ports = ["http"]
      }
    }
  }
}

variable "version" {
  type    = string
  default = "latest"
}
