# expect: K004 error at termination_grace_period_seconds = 0
# A stateful set with a grace period of zero.
resource "kubernetes_stateful_set_v1" "events" {
  metadata {
    name      = "events"
    namespace = "data"
  }
  spec {
    service_name = "events"
    replicas     = 3
    selector {
      match_labels = { app = "events" }
    }
    template {
      metadata {
        labels = { app = "events" }
      }
      spec {
        termination_grace_period_seconds = 0
        container {
          name  = "events"
          image = "registry.example/acme/events:5"
          port { container_port = 9092 }
        }
      }
    }
  }
}
