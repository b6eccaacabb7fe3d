# The default of a variable that nothing sets.
# expect: E002 warning at graceful-timeout
resource "aws_ecs_task_definition" "shop" {
  family = "shop"

  container_definitions = jsonencode([
    {
      name        = "shop"
      image       = var.image
      stopTimeout = var.stop_timeout
      command     = ["gunicorn", "--graceful-timeout", "60", "shop.wsgi"]
    }
  ])
}

variable "stop_timeout" {
  type    = number
  default = 30
}
