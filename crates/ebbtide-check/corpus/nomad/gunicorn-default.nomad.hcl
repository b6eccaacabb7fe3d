# expect: N001 info
# The default of gunicorn is 30 s and that of Nomad is 5.
job "site" {
  group "web" {
    task "web" {
      driver = "docker"

      config {
        image   = "registry.example.org/site:3"
        command = "gunicorn"
        args    = ["--bind", "0.0.0.0:8000", "site.wsgi"]
      }
    }
  }
}
