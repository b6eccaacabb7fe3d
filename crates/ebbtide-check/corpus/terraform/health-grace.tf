# expect: E010 warning at health_check_grace_period_seconds = 30
# The first check may come after a minute.
resource "aws_lb_target_group" "slow" {
  port                 = 8080
  protocol             = "HTTP"
  deregistration_delay = 60

  health_check {
    path     = "/ready"
    interval = 60
  }
}

resource "aws_ecs_service" "slow" {
  name                              = "slow"
  task_definition                   = "slow:1"
  desired_count                     = 2
  health_check_grace_period_seconds = 30

  load_balancer {
    target_group_arn = aws_lb_target_group.slow.arn
    container_name   = "slow"
    container_port   = 8080
  }
}
