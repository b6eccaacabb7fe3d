locals {
  name = "importer"

  times = {
    drain = 100
    stop  = 110
  }
}

resource "aws_ecs_task_definition" "importer" {
  family                   = local.name
  requires_compatibilities = ["FARGATE"]

  container_definitions = jsonencode([
    {
      name        = local.name
      image       = "registry.example.org/importer:3"
      stopTimeout = local.times.stop
      command     = ["gunicorn", "--graceful-timeout", "100", "importer.wsgi"]
    }
  ])
}
