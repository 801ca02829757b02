package executor

import "context"

// Linter is a Builder that checks Dockerfiles without building them.
type Linter interface {
	// Lint checks the request's Dockerfile by the rules of its frontend.
	// absent are names of images that the Dockerfile uses and that do not
	// exist yet: nothing is known of them.
	Lint(ctx context.Context, req *BuildRequest, absent []string) (*Lint, error)
}

// Lint is what a frontend says of a Dockerfile.
type Lint struct {
	Warnings []LintWarning
	// Error is why the Dockerfile cannot be built, or that it wants its
	// warnings to be errors ("# check=error=true"); nil when it can.
	Error *LintError
}

// LintWarning is a rule that a Dockerfile breaks.
type LintWarning struct {
	Rule        string
	Description string
	URL         string
	Detail      string
	LintPlace
}

// LintError is what is wrong with a Dockerfile.
type LintError struct {
	Message string
	LintPlace
}

// LintPlace is where in a Dockerfile something is.
type LintPlace struct {
	// Line and EndLine count from 1; 0 is no particular place.
	Line, EndLine int
	// Excerpt has the lines, those that are meant marked; may be "".
	Excerpt string
}
