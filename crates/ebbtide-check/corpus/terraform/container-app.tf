# expect: P003 error at termination_grace_period_seconds = 10
resource "azurerm_container_app" "jobs" {
  name                         = "jobs"
  container_app_environment_id = azurerm_container_app_environment.main.id
  resource_group_name          = azurerm_resource_group.main.name
  revision_mode                = "Single"

  template {
    termination_grace_period_seconds = 10

    container {
      name    = "jobs"
      image   = "example.azurecr.io/jobs:2"
      cpu     = 0.25
      memory  = "0.5Gi"
      command = ["bundle", "exec", "sidekiq", "-t", "25"]
    }
  }
}
