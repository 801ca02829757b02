package executor

import "context"

// BuilderPort is a builder and what it is good for.
type BuilderPort struct {
	Name    string
	Builder Builder
	// Platforms it builds, normalised; none means every platform.
	Platforms []string
	// Except are platforms that it does not build, as others do.
	Except []string
	// Native is its own platform: that of FROM --platform=$BUILDPLATFORM.
	Native string
	// Runs are the platforms whose programs it runs, by itself or with an
	// emulator; none means every platform. It counts for builds that run any.
	Runs []string
	// Lacks, which may be nil, says what the builder's machine needs to run the
	// programs of a platform.
	Lacks func(platform string) string
	// Slots is how many builds it takes at once; less than 1 counts as 1.
	Slots int
	// Lost, when set, is why it cannot be reached when the run begins. It is
	// asked again, and used once it answers, as what it then says that it is.
	Lost error
}

// Pinger is a Builder that can be asked whether it is there, and what it is. An
// error for which Transient reports false means that it never will be there.
type Pinger interface {
	Ping(ctx context.Context) (About, error)
}

// About is what a builder says of itself: see the fields of BuilderPort. With no
// Runs nothing is known.
type About struct {
	Native string
	Runs   []string
}

// Finder finds builders that come while a run goes on. It is not called again
// before it has returned.
type Finder interface {
	// Find returns those that it had not found before. It may return some, and
	// an error that says where others could not be looked for.
	Find(ctx context.Context) ([]BuilderPort, error)
}
