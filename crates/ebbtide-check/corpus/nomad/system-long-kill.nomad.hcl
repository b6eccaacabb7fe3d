# A collector on each node, which takes longer to stop than a deployment would wait: system jobs have no deployments.
# expect: N002 warning at kill_timeout
job "collector" {
  datacenters = ["dc1"]
  type        = "system"

  group "collector" {
    task "collector" {
      driver       = "docker"
      kill_timeout = "15m"

      config {
        image = "registry.example.org/collector:3"
      }
    }
  }
}
