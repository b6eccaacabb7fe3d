# expect: N004 info
# The job that `nomad job init` writes has a service without a delay.
job "example" {
  datacenters = ["*"]

  group "cache" {
    network {
      port "db" {
        to = 6379
      }
    }

    service {
      name     = "redis-cache"
      port     = "db"
      provider = "nomad"
    }

    task "redis" {
      driver = "docker"

      config {
        image          = "redis:7"
        ports          = ["db"]
        auth_soft_fail = true
      }

      identity {
        env  = true
        file = true
      }

      resources {
        cpu    = 500
        memory = 256
      }
    }
  }
}
