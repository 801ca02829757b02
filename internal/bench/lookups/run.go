package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/stowage-build/stowage/internal/bench/images"
	"github.com/stowage-build/stowage/internal/bench/measure"
	"github.com/stowage-build/stowage/internal/bench/monorepo"
	"github.com/stowage-build/stowage/internal/bench/programs"
	"github.com/stowage-build/stowage/internal/bench/services"
)

// bench is what is measured with one registry.
type bench struct {
	options
	dir, root, host string
	self, stowage   string
	env             []string
	// used is by what was run, a value for each round.
	used map[string][]measure.Usage
}

// Plans are of this program's clients too.
const (
	planning = "stowage plan, less stowage plan --offline"
	online   = "stowage plan"
	offline  = "stowage plan --offline"
)

// run measures with both registries and prints the table.
func run(ctx context.Context, out io.Writer, o options) (err error) {
	dir, err := os.MkdirTemp("", "stowage-bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	bin, err := programs.Build(ctx, filepath.Join(dir, "bin"), programs.Stowage)
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	env, err := programs.Environ(filepath.Join(dir, "home"))
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%d tags, %d connections, %d rounds, %s\n", o.tags, connections, o.rounds, measure.Machine())
	t := measure.NewTable(out, "registry", "client", "s: median (min–max)", "tags/s", "client's CPU s", "of the bare client's rate: median (min–max)")
	for _, start := range []struct {
		name  string
		start func(context.Context, string) (host string, data images.Distribution, stop func() error, err error)
	}{{"docker-registry", startReal}, {"one answer", o.startOne(self)}} {
		b := &bench{options: o, dir: filepath.Join(dir, start.name), self: self, stowage: bin.Path(programs.Stowage), env: env, used: map[string][]measure.Usage{}}
		host, data, stop, err := start.start(ctx, b.dir)
		if err != nil {
			return err
		}
		b.host = host
		if err := errors.Join(b.measure(ctx, data), stop()); err != nil {
			return fmt.Errorf("%s: %w", start.name, err)
		}
		b.print(t, start.name)
	}
	fmt.Fprintln(out)
	return nil
}

func startReal(_ context.Context, dir string) (string, images.Distribution, func() error, error) {
	r, err := services.StartRegistry(filepath.Join(dir, "registry"))
	if err != nil {
		return "", "", nil, err
	}
	return r.Behind, images.Distribution(r.Data), r.Stop, nil
}

// startOne starts this program as a server.
func (o options) startOne(self string) func(context.Context, string) (string, images.Distribution, func() error, error) {
	return func(ctx context.Context, _ string) (string, images.Distribution, func() error, error) {
		cmd := exec.CommandContext(ctx, self, "-role", serving)
		stdin, err := cmd.StdinPipe()
		if err != nil {
			return "", "", nil, err
		}
		stdout, err := cmd.StdoutPipe()
		if err != nil {
			return "", "", nil, err
		}
		if err := cmd.Start(); err != nil {
			return "", "", nil, err
		}
		host, err := bufio.NewReader(stdout).ReadString('\n')
		stop := func() error { return errors.Join(stdin.Close(), cmd.Wait()) }
		if err != nil {
			return "", "", nil, errors.Join(err, stop())
		}
		return strings.TrimSpace(host), "", stop, nil
	}
}

// settled is how long a file must have been left alone before Stowage
// remembers its digest.
const settled = 2 * time.Second

// measure runs all clients in turn.
func (b *bench) measure(ctx context.Context, data images.Distribution) error {
	shape := monorepo.Usual(b.tags)
	shape.Registry, shape.Platforms, shape.Files = b.host+"/bench", []string{"linux/amd64"}, 2
	b.root = filepath.Join(b.dir, "workspace")
	if _, err := monorepo.Write(ctx, b.root, shape); err != nil {
		return err
	}
	time.Sleep(settled)
	list, err := b.publish(ctx, data)
	if err != nil {
		return err
	}
	plan := []string{b.stowage, "plan", "--store", filepath.Join(b.dir, "store")}
	for range b.rounds {
		for _, client := range []struct {
			name string
			args []string
		}{
			{bare, []string{b.self, "-role", bare, "-list", list}}, {adapter, []string{b.self, "-role", adapter, "-list", list}},
			{offline, append(plan[:len(plan):len(plan)], "--offline")}, {online, plan},
		} {
			used, err := measure.Command{Dir: b.root, Env: b.env, Args: client.args}.Run(ctx)
			if err != nil {
				return err
			}
			b.used[client.name] = append(b.used[client.name], used)
		}
	}
	for i, with := range b.used[online] {
		without := b.used[offline][i]
		b.used[planning] = append(b.used[planning], measure.Usage{Wall: with.Wall - without.Wall, CPU: with.CPU - without.CPU})
	}
	return nil
}

// publish puts what the plan names into the registry, if that keeps anything,
// and returns a file with the references.
func (b *bench) publish(ctx context.Context, data images.Distribution) (string, error) {
	cmd := exec.CommandContext(ctx, b.stowage, "list", "--format", "json", "--store", filepath.Join(b.dir, "store"))
	cmd.Dir, cmd.Env = b.root, b.env
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	text, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("list the packages: %w: %s", err, stderr.Bytes())
	}
	var packages []images.Package
	if err := json.Unmarshal(text, &packages); err != nil {
		return "", fmt.Errorf("list the packages: %w", err)
	}
	if data != "" {
		if err := images.Write(packages, data); err != nil {
			return "", err
		}
	}
	var refs strings.Builder
	for _, p := range packages {
		fmt.Fprintln(&refs, p.Ref)
	}
	list := filepath.Join(b.dir, "refs")
	return list, os.WriteFile(list, []byte(refs.String()), 0o644)
}

func (b *bench) print(t measure.Table, name string) {
	wall := func(client string) []float64 {
		var out []float64
		for _, u := range b.used[client] {
			out = append(out, u.Wall.Seconds())
		}
		return out
	}
	for _, client := range []string{bare, adapter, planning} {
		var cpu []float64
		for _, u := range b.used[client] {
			cpu = append(cpu, u.CPU.Seconds())
		}
		s := measure.SpreadOf(wall(client))
		t.Row(name, client, s.String(), fmt.Sprintf("%.0f", float64(b.tags)/s.Median), fmt.Sprintf("%.2f", measure.SpreadOf(cpu).Median),
			measure.SpreadOf(measure.Ratios(wall(bare), wall(client))).String())
	}
}
