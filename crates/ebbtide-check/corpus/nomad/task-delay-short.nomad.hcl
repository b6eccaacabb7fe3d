# expect: N004 warning at shutdown_delay = "2s"
job "front" {
  group "front" {
    task "front" {
      driver         = "docker"
      shutdown_delay = "2s"

      service {
        name = "front"
        port = "http"
        tags = ["urlprefix-front.example.org/"]
      }

      config {
        image = "registry.example.org/front:2"
      }
    }
  }
}
