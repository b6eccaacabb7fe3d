# A system job with a delay in its group, an exec task that names its signal, and a longer kill timeout than the default: nothing is wrong.
job "edge" {
  datacenters = ["dc1", "dc2"]
  type        = "system"
  priority    = 90

  group "edge" {
    shutdown_delay = "10s"

    network {
      mode = "host"
      port "https" { static = 443 }
    }

    service {
      name = "edge"
      port = "https"
      tags = ["urlprefix-/"]
      check {
        type     = "tcp"
        interval = "5s"
        timeout  = "1s"
      }
    }

    task "envoy" {
      driver       = "exec"
      kill_signal  = "SIGTERM"
      kill_timeout = "25s"

      config {
        command = "/usr/local/bin/envoy"
        args    = ["-c", "local/envoy.yaml", "--drain-time-s", "20"]
      }

      template {
        destination = "local/envoy.yaml"
        data        = <<EOF
node: {id: {{ env "node.unique.name" }}}
EOF
      }

      resources {
        cpu    = 500
        memory = 256
      }
    }
  }
}
