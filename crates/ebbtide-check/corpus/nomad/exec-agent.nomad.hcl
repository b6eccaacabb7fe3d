# expect: N005 info
job "node-agent" {
  type = "system"

  group "agent" {
    task "agent" {
      driver = "raw_exec"

      config {
        command = "/opt/agent/bin/agent"
      }

      template {
        data        = <<EOH
listen = "{{ env "NOMAD_ADDR_http" }}"
EOH
        destination = "local/agent.toml"
      }
    }
  }
}
