defaults {
  labels = { team = "apps" }
}

package "app" {
  for_each   = toset(["api", "worker"])
  image      = "app-${each.key}"
  context    = "app"
  dockerfile = "Dockerfile"
  target     = "release"
  platforms  = ["linux/amd64", "linux/arm"]
  args = {
    BASE    = package.base.ref
    BANNER  = local.banner
    VERSION = var.version
    TOKEN   = "t-${var.token}"
    LEVEL   = var.settings.level
    GO      = null
  }
  contexts = {
    base  = package.base
    proto = "../../proto"
    cgr   = "docker-image://cgr.dev/chainguard/static:latest"
  }
  depends_on    = [package.lint-go]
  ssh           = ["default"]
  network       = "default"
  shm_size      = "64m"
  ulimits       = ["nofile=1024:4096", "core=0"]
  extra_hosts   = { DB = "10.0.0.1", six = "::0001" }
  cgroup_parent = "/builds"
  labels        = { key = each.key, image = self.image }
  annotations   = { who = self.name }
  tag           = "v3-${self.hash}"
  extra_tags    = ["latest", each.value]
  cache_from    = ["type=registry,ref=ghcr.io/acme/cache"]
  cache_to      = ["type=inline"]
  no_cache      = false
  pull          = true
  no_cache_stages = ["release"]
  cache_mode    = "content"
  refresh       = "24h"
  reproducible  = true
  timeout       = "30m"
  retries       = 2
  revision      = 1
  pins          = "follow"
  allow_outside = false

  platform "linux/arm" {
    args     = { CFLAGS = "-O1 ${package.base.tag}" }
    target   = "small"
    network  = "none"
    timeout  = "1h"
    no_cache = true
  }

  source "../../vendor" {
    to      = "/vendor"
    include = ["*.go"]
    exclude = ["**/testdata"]
  }

  secret "npm" {
    env = "NPM_TOKEN"
  }

  secret "key" {
    file = "../../secrets/key"
  }

  attest {
    provenance = "max"
    sbom       = true
    scanner    = "docker.io/docker/buildkit-syft-scanner:stable"
  }

  output "local" {
    dest = "../../dist/${each.key}"
  }

  output "docker" {
    dest = "/tmp/${each.key}.tar"
  }
}
