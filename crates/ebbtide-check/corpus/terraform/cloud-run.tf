# expect: P002 info
# The default of gunicorn is longer than the limit.
resource "google_cloud_run_v2_service" "site" {
  name     = "site"
  location = "europe-west1"

  template {
    max_instance_request_concurrency = 40

    containers {
      image   = "europe-docker.pkg.dev/example/site/site:4"
      command = ["gunicorn", "--bind", ":8080", "site.wsgi"]

      ports {
        container_port = 8080
      }

      env {
        name  = "LOG_LEVEL"
        value = "info"
      }
    }
  }
}
