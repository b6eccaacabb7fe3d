# The grace period and the selector are only known at the deploy.
resource "kubernetes_deployment_v1" "app" {
  metadata {
    name   = var.name
    labels = local.labels
  }

  spec {
    replicas = var.replicas

    selector {
      match_labels = local.labels
    }

    template {
      metadata {
        labels      = local.labels
        annotations = { "ebbtide.dev/drain" = "60s" }
      }

      spec {
        termination_grace_period_seconds = var.grace

        dynamic "container" {
          for_each = var.containers
          content {
            name  = container.key
            image = container.value
          }
        }
      }
    }
  }
}

resource "kubernetes_service_v1" "app" {
  metadata {
    name = var.name
  }

  spec {
    type     = "LoadBalancer"
    selector = local.labels
  }
}
