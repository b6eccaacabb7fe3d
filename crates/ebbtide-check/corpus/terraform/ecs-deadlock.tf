# expect: E008 error at deployment_maximum_percent
resource "aws_ecs_service" "single" {
  name                               = "single"
  task_definition                    = "single:4"
  desired_count                      = 1
  deployment_minimum_healthy_percent = 100
  deployment_maximum_percent         = 100
}
