# Blue/green by ECS itself: the new task starts beside the old one.
resource "aws_ecs_service" "single" {
  name                               = "single"
  task_definition                    = "single:4"
  desired_count                      = 1
  deployment_minimum_healthy_percent = 100
  deployment_maximum_percent         = 100

  deployment_configuration {
    strategy             = "BLUE_GREEN"
    bake_time_in_minutes = 5
  }
}
