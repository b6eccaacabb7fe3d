# The configuration of a client, without a job.
data_dir  = "/opt/nomad/data"
bind_addr = "0.0.0.0"

client {
  enabled          = true
  servers          = ["10.0.0.10:4647"]
  max_kill_timeout = "10m"
}

plugin "docker" {
  config {
    allow_privileged = false
  }
}
