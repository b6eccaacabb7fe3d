# expect: K002 error at sleep
resource "kubernetes_deployment_v1" "gateway" {
  metadata {
    name = "gateway"
  }

  spec {
    replicas = 2

    selector {
      match_labels = { app = "gateway" }
    }

    template {
      metadata {
        labels = { app = "gateway" }
      }

      spec {
        termination_grace_period_seconds = 30

        container {
          name  = "gateway"
          image = "registry.example.org/gateway:1"

          lifecycle {
            pre_stop {
              exec {
                command = ["/bin/sleep", "30"]
              }
            }
          }
        }
      }
    }
  }
}
