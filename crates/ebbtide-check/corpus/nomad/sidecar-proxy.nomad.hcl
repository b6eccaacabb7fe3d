# expect: N004 info
# A log shipper beside the program, and a database migration before it.
job "billing" {
  group "billing" {
    service {
      name = "billing"
      port = "9090"

      connect {
        sidecar_service {}
      }
    }

    task "migrate" {
      driver = "docker"

      lifecycle {
        hook    = "prestart"
        sidecar = false
      }

      config {
        image   = "registry.example.org/billing:5"
        command = "sh"
        args    = ["-c", "migrate up; echo done"]
      }
    }

    task "shipper" {
      driver = "docker"

      lifecycle {
        hook    = "poststart"
        sidecar = true
      }

      config {
        image = "timberio/vector:0.40.0-alpine"
      }
    }

    task "billing" {
      driver       = "docker"
      kill_timeout = "20s"

      meta = {
        "ebbtide.dev/drain" = "15s"
      }

      config {
        image = "registry.example.org/billing:5"
      }
    }
  }
}
