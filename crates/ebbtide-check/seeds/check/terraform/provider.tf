# expect: K005 warning at name      = "shop"
resource "kubernetes_deployment" "shop" {
  metadata {
    name      = "shop"
    namespace = "web"
    labels = {
      app = "shop"
    }
  }

  spec {
    replicas = 3

    selector {
      match_labels = {
        app = "shop"
      }
    }

    template {
      metadata {
        labels = {
          app = "shop"
        }
      }

      spec {
        container {
          name  = "shop"
          image = "registry.example.org/shop:${var.tag}"

          port {
            container_port = 8080
          }

          readiness_probe {
            http_get {
              path = "/ready"
              port = 8080
            }
          }
        }
      }
    }
  }
}

resource "kubernetes_service" "shop" {
  metadata {
    name      = "shop"
    namespace = "web"
  }

  spec {
    selector = {
      app = "shop"
    }

    port {
      port        = 80
      target_port = 8080
    }
  }
}

resource "kubernetes_ingress_v1" "shop" {
  metadata {
    name      = "shop"
    namespace = "web"
  }

  spec {
    ingress_class_name = "nginx"

    rule {
      host = "shop.example.org"

      http {
        path {
          path = "/"

          backend {
            service {
              name = "shop"

              port {
                number = 80
              }
            }
          }
        }
      }
    }
  }
}
