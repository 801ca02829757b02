package main

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"runtime/pprof"
	"runtime/trace"

	"github.com/spf13/pflag"
)

// profiles are the files that a command's own use of the machine is written
// to; "" is none. The flags are hidden: they are for those who work on Stowage.
type profiles struct {
	cpu, memory, trace string
	stops              []func() error
}

func (p *profiles) addFlags(f *pflag.FlagSet) {
	f.StringVar(&p.cpu, "cpuprofile", "", "write a CPU profile to `FILE`")
	f.StringVar(&p.memory, "memprofile", "", "write a profile of all allocations to `FILE`")
	f.StringVar(&p.trace, "trace", "", "write an execution trace to `FILE`")
	for _, name := range []string{"cpuprofile", "memprofile", "trace"} {
		if err := f.MarkHidden(name); err != nil {
			panic(err) // the flag has just been added
		}
	}
}

// start starts what is asked for; stop must be called.
func (p *profiles) start() error {
	if p.memory != "" {
		runtime.MemProfileRate = 4 << 10
		p.stops = append(p.stops, p.writeMemory)
	}
	if err := p.begin(p.cpu, func(f *os.File) error { return pprof.StartCPUProfile(f) }, pprof.StopCPUProfile); err != nil {
		return err
	}
	return p.begin(p.trace, func(f *os.File) error { return trace.Start(f) }, trace.Stop)
}

// begin starts a profile that is written to a file until it ends.
func (p *profiles) begin(name string, start func(*os.File) error, end func()) error {
	if name == "" {
		return nil
	}
	f, err := os.Create(name)
	if err != nil {
		return fmt.Errorf("profile: %w", err)
	}
	if err := start(f); err != nil {
		return errors.Join(fmt.Errorf("profile: %w", err), f.Close())
	}
	p.stops = append(p.stops, func() error {
		end()
		return f.Close()
	})
	return nil
}

func (p *profiles) writeMemory() error {
	f, err := os.Create(p.memory)
	if err != nil {
		return fmt.Errorf("profile: %w", err)
	}
	runtime.GC() // the profile is as of the last collection
	return errors.Join(pprof.Lookup("allocs").WriteTo(f, 0), f.Close())
}

// stop ends and writes what was started.
func (p *profiles) stop() error {
	var errs []error
	for _, stop := range p.stops {
		errs = append(errs, stop())
	}
	p.stops = nil
	return errors.Join(errs...)
}
