workspace {
  name      = "library"
  registry  = "registry.example.com/library"
  platforms = ["linux/amd64"]
}

variable "greeting" {
  type = string
}

package "base" {
  context = "base"
}

package "app" {
  context = "app"

  args = {
    BASE = package.base.ref
  }

  labels = {
    greeting = var.greeting
  }

  secret "token" {
    env = "TOKEN"
  }
}
