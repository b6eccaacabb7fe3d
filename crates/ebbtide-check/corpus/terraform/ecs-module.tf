# A module does the work, and its resources are not here.
module "service" {
  source  = "terraform-aws-modules/ecs/aws//modules/service"
  version = "~> 5.11"

  name        = "shop"
  cluster_arn = module.cluster.arn

  container_definitions = {
    shop = {
      image        = "registry.example.org/shop:8"
      stop_timeout = 200
    }
  }
}
