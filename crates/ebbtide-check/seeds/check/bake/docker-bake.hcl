variable "TAG" { default = "dev" }
group "default" { targets = ["api"] }
target "base" {
  context = "."
}
target "api" {
  inherits = ["base"]
  dockerfile = "Dockerfile"
  tags = ["shop/api:${TAG}", "shop/api:latest"]
}
