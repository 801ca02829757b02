package "lint-html" {
  platforms = ["linux/amd64"]
  context   = "."

  # A file from another directory, in the context as /index.html.
  source "../web/index.html" {
    to = "/index.html"
  }
}
