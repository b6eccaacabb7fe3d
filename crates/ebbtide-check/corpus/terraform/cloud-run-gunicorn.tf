# expect: P002 error at graceful-timeout
# expect: K009 warning at server.js
resource "google_cloud_run_v2_service" "rates" {
  name     = "rates"
  location = "europe-west4"
  template {
    containers {
      image   = "europe-west4-docker.pkg.dev/acme/apps/rates:2"
      command = ["gunicorn"]
      args    = ["--graceful-timeout", "15", "rates:app"]
    }
  }
}

resource "kubernetes_deployment_v1" "gateway" {
  metadata {
    name = "gateway"
  }
  spec {
    template {
      spec {
        container {
          name    = "gateway"
          image   = "registry.example/acme/gateway:5"
          command = ["sh", "-c", "node server.js > /var/log/gateway.log"]
        }
      }
    }
  }
}
