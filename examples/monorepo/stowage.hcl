# A monorepo: each directory has its own stowage.hcl, and this one what they have
# in common.
#
#   stowage plan @services
#   stowage plan 'lint-*'
#   stowage plan ./web

workspace {
  name      = "monorepo"
  registry  = "registry.example/monorepo"
  platforms = ["linux/amd64", "linux/arm64"]
  members   = ["base", "go", "web", "lint"]
}

defaults {
  labels = {
    "org.opencontainers.image.vendor" = "Example"
  }
}

group "services" {
  packages = ["service*", package.web]
}

group "checks" {
  packages = ["lint-*"]
}

# What a release consists of.
group "release" {
  packages = ["@services", package.base]
}
