workspace { # ERROR: Workspace block in a member
  name = "y"
}
