# expect: E003 error at deregistration_delay = 100
# expect: E004 warning at FARGATE_SPOT
resource "aws_ecs_task_definition" "web" {
  family                   = "web"
  requires_compatibilities = ["FARGATE"]
  container_definitions = jsonencode([
    {
      name         = "web"
      image        = "registry.example.org/web:5"
      stopTimeout  = 60
      portMappings = [{ containerPort = 8080 }]
    }
  ])
}

resource "aws_lb_target_group" "web" {
  port                 = 8080
  protocol             = "HTTP"
  deregistration_delay = 100
}

resource "aws_ecs_service" "web" {
  name            = "web"
  task_definition = aws_ecs_task_definition.web.arn
  desired_count   = 4

  capacity_provider_strategy {
    capacity_provider = "FARGATE"
    base              = 1
    weight            = 1
  }

  capacity_provider_strategy {
    capacity_provider = "FARGATE_SPOT"
    weight            = 4
  }

  load_balancer {
    target_group_arn = aws_lb_target_group.web.arn
    container_name   = "web"
    container_port   = 8080
  }
}
