workspace {
  name    = "x"
  members = [
    "a",
    "gone",  # ERROR: No such member
    "c*",    # WARNING: No such member
    "../up", # ERROR: Member outside of the workspace
    "[",     # ERROR: Bad pattern
  ]
}
