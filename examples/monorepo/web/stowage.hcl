package "web" {
  platforms  = ["linux/amd64"]
  extra_tags = ["latest"]

  contexts = {
    base = package.base
  }

  # Tests come first; they are no input of the image.
  depends_on = [package.lint-html]
}
