# expect: N006 error at kill_signal = "SIGKILL"
job "scratch" {
  group "scratch" {
    task "scratch" {
      driver      = "docker"
      kill_signal = "SIGKILL"

      config {
        image = "registry.example.org/scratch:1"
      }
    }
  }
}
