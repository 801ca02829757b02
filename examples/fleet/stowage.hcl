# A fleet: BuildKit daemons of two architectures, reached with client
# certificates. They are asked by apply alone; a plan needs none of them.
#
#   stowage builder ls
#   stowage plan --simulate --simulate-duration 90s
#   stowage apply --push

workspace {
  name      = "fleet"
  registry  = "registry.example/fleet"
  platforms = ["linux/amd64", "linux/arm64"]
}

variable "certs" {
  type        = string
  default     = "certs"
  description = "The directory with the certificates, which is in no repository."
}

# buildkitd --addr tcp://0.0.0.0:1234 --tlscacert ca.pem --tlscert cert.pem
# --tlskey key.pem, on each machine that the name stands for.
builder "amd" {
  endpoint  = "tcp://amd.builders.example:1234"
  platforms = ["linux/amd64"]
  slots     = 8

  tls {
    ca   = "${var.certs}/ca.pem"
    cert = "${var.certs}/client.pem"
    key  = "${var.certs}/client.key"
  }
}

# Builds for amd64 too, emulated, when the others have too much to do.
builder "arm" {
  endpoint  = "tcp://10.0.0.5:1234"
  platforms = ["linux/arm64", "linux/amd64"]
  native    = "linux/arm64"
  slots     = 4

  tls {
    ca          = "${var.certs}/ca.pem"
    cert        = "${var.certs}/client.pem"
    key         = "${var.certs}/client.key"
    server_name = "arm.builders.example"
  }
}

package "app" {
  for_each = toset(["api", "mail", "search", "web"])
  image    = each.key
  context  = "app"
  args     = { NAME = each.key }
}
