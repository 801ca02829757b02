workspace {
  name = "x"
}

variable "required" { # ERROR: Missing value
  type = string
}

variable "version" { # ERROR: Invalid value for variable
  default = ""
  validation {
    condition     = length(var.version) > 0
    error_message = "The version ${var.version} is empty."
  }
  validation {
    condition     = true
    error_message = "Fine."
  }
}

variable "typed" {
  type    = number
  default = "many" # ERROR: Bad default
}

variable "type" {
  type    = strin # ERROR: Invalid type specification
  default = ""
}

variable "secret" { # ERROR: Invalid value for variable
  default   = "hunter2"
  sensitive = true
  validation {
    condition     = var.secret == "x"
    error_message = "It is ${var.secret}."
  }
}

variable "other" {
  default = var.version # ERROR: Variable not allowed here
  validation { # ERROR: Missing attribute
    condition = 1
  }
}

variable "odd" {
  default = 1
  validation {
    condition     = [] # ERROR: Bad condition
    error_message = "x"
  }
}

package "p" {
  image  = "p-${var.secret}"    # ERROR: Sensitive value not allowed here
  tag    = var.secret           # ERROR: Sensitive value not allowed here
  labels = { a = var.secret }   # ERROR: Sensitive value not allowed here
  args   = {
    A = var.secret
    B = jsondecode(var.secret)  # ERROR: Error in function call
    C = [var.secret]            # ERROR: Wrong type
  }
}
