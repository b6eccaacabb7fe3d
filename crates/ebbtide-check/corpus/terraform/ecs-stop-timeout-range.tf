# expect: E001 error at stopTimeout = 180
resource "aws_ecs_task_definition" "worker" {
  family                   = "worker"
  requires_compatibilities = ["FARGATE"]

  container_definitions = jsonencode([{
    name        = "worker"
    image       = "registry.example.org/worker:3"
    stopTimeout = 180
  }])
}
