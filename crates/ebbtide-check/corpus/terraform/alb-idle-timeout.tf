# expect: E006 warning at deregistration_delay = 15
resource "aws_lb" "main" {
  name               = "main"
  load_balancer_type = "application"
  idle_timeout       = 120
}

resource "aws_lb_target_group" "reports" {
  port                 = 8080
  protocol             = "HTTP"
  deregistration_delay = 15
}
