# expect: E002 error at "60"
resource "aws_ecs_task_definition" "shop" {
  family = "shop"

  container_definitions = <<DEFINITION
[
  {
    "name": "shop",
    "image": "${var.image}",
    "command": ["gunicorn", "--graceful-timeout", "60", "shop.wsgi"],
    "essential": true
  }
]
DEFINITION
}
