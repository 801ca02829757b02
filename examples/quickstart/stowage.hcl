# A small monorepo: a base image, a tool, and two services made with them, each
# for two platforms.

workspace {
  name      = "quickstart"
  registry  = "${var.registry}/quickstart"
  platforms = ["linux/amd64", "linux/arm64"]
}

variable "registry" {
  type        = string
  default     = "127.0.0.1:5000"
  description = "The registry to push to; it also has busybox:1, for linux/amd64 and linux/arm64."
}

package "base" {
  context = "base"

  args = {
    BUSYBOX = "${var.registry}/busybox:1"
  }
}

package "banner" {
  context = "tools/banner"

  contexts = {
    base = package.base
  }
}

# package.service["api"] and package.service["web"].
package "service" {
  for_each   = toset(["api", "web"])
  image      = each.key
  context    = "services/${each.key}"
  extra_tags = ["latest"]

  contexts = {
    base   = package.base
    banner = package.banner
  }
}

group "services" {
  packages = ["service*"]
}
