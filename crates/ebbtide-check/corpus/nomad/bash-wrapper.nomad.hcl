# expect: N006 warning at set -x
job "etl" {
  group "etl" {
    task "etl" {
      driver = "docker"

      config {
        image   = "registry.example.org/etl:7"
        command = "bash"
        args    = ["-c", "set -x; etl-server --port 9000 | tee /alloc/logs/etl.log"]
      }
    }
  }
}
