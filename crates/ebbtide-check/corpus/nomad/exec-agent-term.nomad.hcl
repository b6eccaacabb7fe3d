job "node-agent" {
  type = "system"

  group "agent" {
    task "agent" {
      driver      = "exec"
      kill_signal = "SIGTERM"

      config {
        command = "/opt/agent/bin/agent"
      }

      artifact {
        source = "https://example.org/agent-${attr.kernel.arch}.tar.gz"
      }
    }
  }
}
