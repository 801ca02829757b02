workspace {
  name = functions_are_not_known_here() # ERROR: Call to unknown function
}

variable "v" {
  default = fine(1) # ERROR: Call to unknown function
}

function "fine" {
  params = [a]
  result = a
}

function "fine" { # ERROR: Duplicate function
  params = []
  result = 1
}

function "upper" { # ERROR: Function is built in
  params = []
  result = 1
}

function "file" { # ERROR: Function is built in
  params = []
  result = 1
}

function "1st" { # ERROR: Bad function name
  params = []
  result = 1
}

function "partial" { # ERROR: Missing attribute
  result = 1
}

function "names" {
  params         = ["quoted", var, a, a] # ERROR: Bad parameter # ERROR: Bad parameter # ERROR: Duplicate parameter
  variadic_param = rest                  # ERROR: Unknown attribute
  result         = a + b                 # ERROR: Unknown name
}

function "of_package" {
  params = []
  result = package.app.ref # ERROR: Package not allowed here
}

function "alpha" { # ERROR: Function calls itself
  params = [n]
  result = beta(n)
}

function "beta" {
  params = [n]
  result = alpha(n)
}

function "of_local" {
  params = []
  result = local.made
}

function "of_late" {
  params = []
  result = local.late # ERROR: Package not allowed here
}

locals {
  made = of_local() # ERROR: Cycle of locals
  late = package.app.ref
}

package "app" {
  dockerfile_inline = "FROM scratch"
  args = {
    A = partial(1, 2)
    B = fine()      # ERROR: Not enough function arguments
    C = fine(1, 2)  # ERROR: Too many function arguments
    D = names()
    E = alpha(1)
    F = fails("x")  # ERROR: Error in function call
  }
}

function "fails" {
  params = [n]
  result = n + 1
}

variable "w" {
  default = "x"
  validation {
    condition     = of_local() == "x" # ERROR: Function not allowed here
    error_message = "no"
  }
}
