# expect: K001 error at "50s"
resource "kubernetes_manifest" "worker" {
  manifest = {
    apiVersion = "apps/v1"
    kind       = "Deployment"
    metadata = {
      name      = "worker"
      namespace = "jobs"
      annotations = {
        "ebbtide.dev/drain" = "50s"
      }
    }
    spec = {
      replicas = 2
      selector = { matchLabels = { app = "worker" } }
      template = {
        metadata = { labels = { app = "worker" } }
        spec = {
          containers = [{
            name  = "worker"
            image = "registry.example.org/worker:4"
          }]
        }
      }
    }
  }
}
