workspace {
  name = "x"
}
