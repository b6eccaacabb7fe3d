# expect: N005 info
job "ledger" {
  group "ledger" {
    task "ledger" {
      driver       = "java"
      kill_timeout = "20s"

      config {
        jar_path    = "local/ledger.jar"
        jvm_options = ["-Xmx1g"]
      }
    }
  }
}
