package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
)

// options are the flags.
type options struct {
	tags, rounds int
	role, list   string
}

// Roles of this program: what it does when it runs itself.
const (
	serving = "serve"
	bare    = "bare HTTP client"
	adapter = "stowage's registry adapter"
)

func main() {
	var o options
	flag.IntVar(&o.tags, "tags", 10000, "how many tags, each in a repository of its own")
	flag.IntVar(&o.rounds, "rounds", 3, "how often each client runs")
	flag.StringVar(&o.role, "role", "", "be a `part` of the measurement: this program's own use")
	flag.StringVar(&o.list, "list", "", "the references to look up, a line each: this program's own use")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := o.do(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "lookups:", err)
		os.Exit(1)
	}
}

func (o options) do(ctx context.Context) error {
	switch o.role {
	case serving:
		return serve()
	case bare:
		return eachRef(o.list, connections, getter().get)
	case adapter:
		return lookUp(ctx, o.list)
	}
	return run(ctx, os.Stdout, o)
}
