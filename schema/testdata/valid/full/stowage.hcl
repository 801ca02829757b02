# Every block and attribute there is.
workspace {
  name             = "acme"
  registry         = var.registry
  platforms        = ["linux/amd64", "linux/arm64/v8"]
  members          = ["pkg/*"]
  required_version = ">= 0.1"
}

variable "registry" {
  type        = string
  default     = "ghcr.io/acme"
  description = "Where images go."
}

variable "version" {
  type    = string
  default = "dev"
  env     = "ACME_VERSION"

  validation {
    condition     = length(var.version) > 0
    error_message = "Give a version."
  }
}

variable "token" {
  type      = string
  default   = "s3cret"
  sensitive = true
}

variable "settings" {
  type = object({
    name  = string
    level = optional(number, 3)
  })
  default = { name = "x" }
}

locals {
  go_version = "1.26"
  base_ref   = package.base.ref
  banner     = "go ${local.go_version} on ${local.base_ref}"
}

function "flags" {
  params          = [name]
  variadic_params = values
  result          = join(" ", [for v in values : "-${name}=${v}"])
}

defaults {
  labels = {
    "org.opencontainers.image.vendor" = "Acme"
    team                              = "core"
  }
  args = { GO = local.go_version, FLAGS = flags("tags", "a", "b") }
}

package "base" {
  network           = "none"
  dockerfile_inline = "FROM scratch\n"

  archive "images/alpine.tar" {
    images = ["alpine:3.20@sha256:0123456789012345678901234567890123456789012345678901234567890123"]
    format = "oci"
  }
}

group "tools" {
  packages = [package.app, "lint*", "@all"]
}

group "all" {
  packages = ["*"]
}

builder "arm" {
  endpoint  = "tcp://10.0.0.5:1234"
  platforms = ["linux/arm64", "linux/arm/v7"]
  native    = "linux/arm64"
  slots     = 2

  tls {
    ca          = "tls/ca.pem"
    cert        = "/etc/tls/cert.pem"
    key         = "/etc/tls/key.pem"
    server_name = "builder"
  }
}

builder "local" {
  endpoint  = "unix:///run/buildkit/buildkitd.sock"
  platforms = ["linux/amd64"]
}

builder "asked" {
  endpoint = "tcp://10.0.0.6:1234"
}

registry "localhost:5000" {
  insecure                = true
  mirrors                 = ["mirror.example:5000/hub"]
  max_requests_per_second = 50
}
