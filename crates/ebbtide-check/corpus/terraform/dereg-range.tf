# expect: E005 error at deregistration_delay = 7200
resource "aws_lb_target_group" "stream" {
  port                 = 8080
  protocol             = "HTTP"
  deregistration_delay = 7200
}
