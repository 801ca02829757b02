locals {
  services = {
    api    = 8080
    worker = 8081
  }
}

# package.service["api"] and package.service["worker"].
package "service" {
  for_each   = local.services
  image      = "service-${each.key}"
  extra_tags = ["latest"]

  args = {
    NAME = each.key
    PORT = each.value
  }
}
